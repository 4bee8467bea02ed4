// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "bottleneck/bottleneck.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace bottleneck;

TEST(Bottleneck, every_piece_is_answered_and_the_single_process_takes_the_sum) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto single = co_await SingleProcess::start_link(self);
    const auto concurrent = co_await ConcurrentWork::start_link(self);
    EXPECT_GE(co_await time_of(self, single, 10, 2ms), Duration{20ms});
    EXPECT_GE(co_await time_of(self, concurrent, 10, 2ms), Duration{2ms});
  });
}

TEST(Bottleneck, one_process_takes_the_sum_and_many_take_one) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto single = co_await SingleProcess::start_link(self);
    const auto concurrent = co_await ConcurrentWork::start_link(self);
    const Duration one = co_await time_of(self, single, 100, 10ms);
    EXPECT_GE(one, Duration{1s});
    const Duration many = co_await time_of(self, concurrent, 100, 10ms);
    EXPECT_GE(many, Duration{10ms});
    EXPECT_LT(many, Duration{100ms});
    EXPECT_GT(one / many, 10);  // the speed-up
  });
}

}  // namespace
