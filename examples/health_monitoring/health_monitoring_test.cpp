// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "health_monitoring/health_monitoring.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace health_monitoring;

Async<ServerRef<Monitor>> watched_worker(Process& self, Restart restart) {
  const auto sup = co_await Supervisor::start_link(
      self, children(child<Worker>().named("worker").restart(restart)), {.max_restarts = 10});
  co_return co_await Monitor::start_link(self, sup);
}

Async<> crash(Process& self, ServerRef<Monitor> monitor, int times) {
  for (int i = 0; i < times; ++i) {
    const auto before = co_await call(self, monitor, Monitor::Restarts{"worker"});
    cast(named<Worker>("worker"), Worker::Crash{});
    while (co_await call(self, monitor, Monitor::Restarts{"worker"}) == before) {
      co_await self.yield();
    }
  }
}

TEST(HealthMonitoring, counts_the_restarts_of_a_child) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto monitor = co_await watched_worker(self, permanent);
    co_await crash(self, monitor, 2);
    EXPECT_EQ(co_await call(self, monitor, Monitor::Restarts{"worker"}), 2u);
    EXPECT_EQ(co_await call(self, monitor, Monitor::Check{"worker"}), Health::up);
  });
}

TEST(HealthMonitoring, a_child_that_crashes_often_is_flapping_and_recovers) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto monitor = co_await watched_worker(self, permanent);
    co_await crash(self, monitor, 3);
    EXPECT_EQ(co_await call(self, monitor, Monitor::Check{"worker"}), Health::flapping);
    co_await self.sleep(2min);
    EXPECT_EQ(co_await call(self, monitor, Monitor::Check{"worker"}), Health::up);
  });
}

TEST(HealthMonitoring, a_child_that_is_not_started_again_is_down) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto monitor = co_await watched_worker(self, transient);
    cast(named<Worker>("worker"), Worker::Finish{});
    while (co_await call(self, monitor, Monitor::Check{"worker"}) != Health::down) {
      co_await self.yield();
    }
  });
}

}  // namespace
