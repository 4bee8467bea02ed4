// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "counter/counter.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

Async<> click(Process&, Pid clicks, int times, Pid done) {
  for (int i = 0; i < times; ++i) send(clicks, counter::Increment{});
  send(done, true);
  co_return;
}

TEST(Counter, starts_at_what_it_is_given_and_counts) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid clicks = spawn(counter::counter, 41);
    send(clicks, counter::Increment{});
    EXPECT_EQ(co_await counter::count_of(self, clicks), 42);
  });
}

TEST(Counter, two_processes_that_increment_at_once_lose_nothing) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid clicks = spawn(counter::counter, 0);
    spawn(click, clicks, 1'000, self.pid());
    spawn(click, clicks, 1'000, self.pid());
    co_await self.receive<bool>();
    co_await self.receive<bool>();
    EXPECT_EQ(co_await counter::count_of(self, clicks), 2'000);
  });
}

TEST(Counter, each_process_has_its_own_count) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid one = spawn(counter::counter, 0);
    const Pid other = spawn(counter::counter, 0);
    send(one, counter::Increment{});
    EXPECT_EQ(co_await counter::count_of(self, one), 1);
    EXPECT_EQ(co_await counter::count_of(self, other), 0);
  });
}

}  // namespace
