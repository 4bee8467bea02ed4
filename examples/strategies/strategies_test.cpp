// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "strategies/strategies.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace strategies;
using Restarted = std::array<bool, 3>;

Async<Restarted> restarted_with(Process& self, Strategy strategy) {
  const auto sup = co_await start(self, strategy);
  const Restarted restarted = co_await crash_the_second(self, sup);
  co_await stop(self, sup);
  co_return restarted;
}

TEST(Strategies, one_for_one_restarts_the_one_that_crashed) {
  test::on_every_executor([](Process& self) -> Async<> {
    EXPECT_EQ(co_await restarted_with(self, one_for_one), (Restarted{false, true, false}));
  });
}

TEST(Strategies, one_for_all_restarts_all) {
  test::on_every_executor([](Process& self) -> Async<> {
    EXPECT_EQ(co_await restarted_with(self, one_for_all), (Restarted{true, true, true}));
  });
}

TEST(Strategies, rest_for_one_restarts_it_and_those_started_after_it) {
  test::on_every_executor([](Process& self) -> Async<> {
    EXPECT_EQ(co_await restarted_with(self, rest_for_one), (Restarted{false, true, true}));
  });
}

}  // namespace
