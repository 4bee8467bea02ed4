// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "monitored_worker/monitored_worker.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace monitored_worker;

TEST(MonitoredWorker, the_watcher_is_told_why_and_lives) {
  test::on_every_executor([](Process& self) -> Async<> {
    EXPECT_EQ(co_await run_worker(self), "Process died: Something went wrong!");
  });
}

TEST(MonitoredWorker, a_process_that_is_gone_already_gives_noproc) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto [worker, first] = spawn_monitor([](Process&) {});
    co_await self.receive<Down>();
    const Ref again = self.monitor(worker);
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.ref, again);
    EXPECT_TRUE(down.reason.is(atoms::noproc));
  });
}

}  // namespace
