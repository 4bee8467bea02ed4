// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "counter_server/counter_server.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using counter_server::Counter;

TEST(CounterServer, counts_as_the_course_prints) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto counter = co_await Counter::start_link(self, 10);
    EXPECT_EQ(co_await call(self, counter, Counter::Get{}), 10);
    cast(counter, Counter::Increment{});
    EXPECT_EQ(co_await call(self, counter, Counter::Get{}), 11);
    EXPECT_EQ(co_await call(self, counter, Counter::IncrementBy{5}), 16);
  });
}

TEST(CounterServer, counts_to_two_as_the_other_course_does) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto counter = co_await Counter::start_link(self, 0);
    EXPECT_EQ(co_await call(self, counter, Counter::IncrementBy{1}), 1);
    EXPECT_EQ(co_await call(self, counter, Counter::IncrementBy{1}), 2);
    EXPECT_EQ(co_await call(self, counter, Counter::Get{}), 2);
  });
}

Async<> increment(Process& self, ServerRef<Counter> counter, int times) {
  for (int i = 0; i < times; ++i) co_await call(self, counter, Counter::IncrementBy{1});
}

// The course's threads may count to less than 2,000.
TEST(CounterServer, two_clients_that_increment_a_thousand_times_each_make_two_thousand) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto counter = co_await Counter::start_link(self);
    for (int i = 0; i < 2; ++i) spawn_monitor(increment, counter, 1'000);
    for (int i = 0; i < 2; ++i) co_await self.receive<Down>();
    EXPECT_EQ(co_await call(self, counter, Counter::Get{}), 2'000);
  });
}

TEST(CounterServer, a_crash_throws_the_count_away_and_the_name_finds_the_new_one) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await Supervisor::start_link(self, children(child<Counter>(10).named("counter")));
    const auto counter = named<Counter>("counter");
    co_await call(self, counter, Counter::IncrementBy{5});
    const Ref watched = self.monitor(counter.pid());
    cast(counter, Counter::Break{});
    co_await self.receive(when([&](const Down& m) { return m.ref == watched; }, [](Down) {}));
    while (!whereis("counter")) co_await self.yield();
    EXPECT_EQ(co_await call(self, counter, Counter::Get{}), 10);
  });
}

}  // namespace
