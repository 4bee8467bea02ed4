// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "fuel_calculator/fuel_calculator.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace fuel_calculator;

constexpr double earth = 9.807, moon = 1.62, mars = 3.711;

Path apollo_11() {
  return {{Direction::launch, earth},
          {Direction::land, moon},
          {Direction::launch, moon},
          {Direction::land, earth}};
}

TEST(FuelCalculator, the_known_missions) {
  EXPECT_EQ(fuel_for(28'801, {Direction::land, earth}), 13'447);
  EXPECT_EQ(calculate_fuel(28'801, apollo_11()), 51'898);
  const Path to_mars{{Direction::launch, earth},
                     {Direction::land, mars},
                     {Direction::launch, mars},
                     {Direction::land, earth}};
  EXPECT_EQ(calculate_fuel(14'606, to_mars), 33'388);
  EXPECT_EQ(calculate_fuel(28'801, {}), 0);
}

TEST(FuelCalculator, the_cache_answers_the_same_and_works_once) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto cached = co_await Cached::start_link(self);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(co_await call(self, cached, Calculate{28'801, apollo_11()}), 51'898);
    }
    EXPECT_EQ(co_await call(self, cached, Cached::Hits{}), 2);
  });
}

TEST(FuelCalculator, the_queue_tells_its_watchers_and_keeps_the_history) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto queue = co_await Queue::start_link(self);
    co_await call(self, queue, Queue::Watch{self.pid()});
    cast(queue, Queue::Enqueue{"one", 28'801, apollo_11()});
    cast(queue, Queue::Enqueue{"two", 0, {}});
    EXPECT_EQ(co_await self.receive<Mission>(), (Mission{"one", 51'898}));
    EXPECT_EQ(co_await self.receive<Mission>(), (Mission{"two", 0}));
    EXPECT_EQ((co_await call(self, queue, Queue::History{})).size(), 2u);
  });
}

}  // namespace
