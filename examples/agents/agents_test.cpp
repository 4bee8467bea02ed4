// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "agents/agents.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace agents;

TEST(Agents, the_counter_counts_to_six) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto counter = co_await Counter::start_link(self, 0);
    co_await add(self, counter, 1);
    co_await add(self, counter, 5);
    EXPECT_EQ(co_await count(self, counter), 6);
  });
}

TEST(Agents, a_counter_under_a_name_and_a_map_with_a_count_of_nothing) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await Counter::start_link(self, {.name = "counter"}, 0);
    co_await add(self, named<Counter>("counter"), 1);
    EXPECT_EQ(co_await count(self, named<Counter>("counter")), 1);
    const auto state = co_await Cache::start_link(self, Entries{});
    co_await put(self, state, "count", "0");
    EXPECT_EQ(co_await get(self, state, "count"), "0");
  });
}

TEST(Agents, the_cache_is_found_by_its_name) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await Cache::start_link(self, {.name = "cache"}, Entries{});
    const auto cache = named<Cache>("cache");
    EXPECT_EQ(co_await get(self, cache, "key"), std::nullopt);
    co_await put(self, cache, "key", "value");
    EXPECT_EQ(co_await get(self, cache, "key"), "value");
  });
}

}  // namespace
