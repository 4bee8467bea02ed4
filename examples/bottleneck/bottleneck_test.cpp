// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "bottleneck/bottleneck.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace bottleneck;

TEST(Bottleneck, one_process_takes_the_sum_and_many_take_one) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto single = co_await SingleProcess::start_link(self);
    const auto concurrent = co_await ConcurrentWork::start_link(self);
    EXPECT_GE(co_await time_of(self, single, 100, 10ms), Duration{1s});
    const Duration many = co_await time_of(self, concurrent, 100, 10ms);
    EXPECT_GE(many, Duration{10ms});
    EXPECT_LT(many, Duration{100ms});
  });
}

}  // namespace
