// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "connection_tracker/connection_tracker.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace connection_tracker;

Async<> connection(Process& self) { co_await self.receive<int>(); }

TEST(ConnectionTracker, counts_connections_and_not_calls) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto tracker = co_await Tracker::start_link(self);
    const Pid line = spawn(connection);
    EXPECT_EQ(co_await call(self, tracker, Tracker::Connect{line, {"u1", "Ada"}}), 1u);
    EXPECT_EQ(co_await call(self, tracker, Tracker::Connect{line, {"u1", "Ada"}}), 1u);
    EXPECT_EQ(co_await call(self, tracker, Tracker::GetUser{"u1"}), (User{"u1", "Ada"}));
    EXPECT_EQ(co_await call(self, tracker, Tracker::Disconnect{line}), 0u);
    EXPECT_EQ(co_await call(self, tracker, Tracker::Disconnect{line}), 0u);
    EXPECT_EQ(co_await call(self, tracker, Tracker::GetUser{"u1"}), std::nullopt);
  });
}

Async<> connect_and_go(Process& self, ServerRef<Tracker> tracker) {
  co_await call(self, tracker, Tracker::Connect{self.pid(), {"u", "somebody"}});
}

TEST(ConnectionTracker, a_thousand_that_come_and_die_leave_a_count_of_zero) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto tracker = co_await Tracker::start_link(self);
    for (int i = 0; i < 1'000; ++i) spawn_monitor(connect_and_go, tracker);
    for (int i = 0; i < 1'000; ++i) co_await self.receive<Down>();
    while (co_await call(self, tracker, Tracker::GetCount{}) != 0) co_await self.yield();
  });
}

}  // namespace
