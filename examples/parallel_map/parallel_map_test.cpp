// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "parallel_map/parallel_map.hpp"

#include <gtest/gtest.h>
#include <numeric>

#include "support/on_every_executor.hpp"

namespace {

using namespace parallel_map;

TEST(ParallelMap, gives_the_values_in_the_order_of_the_input) {
  test::on_every_executor([](Process& self) -> Async<> {
    const std::vector<int> inputs{5, 1, 4, 2, 3};
    EXPECT_EQ(co_await map(self, inputs, slow_square), (std::vector<int>{25, 1, 16, 4, 9}));
  });
}

TEST(ParallelMap, a_hundred_elements_ten_at_once_take_ten_rounds_and_keep_their_order) {
  test::on_every_seed([](Process& self) -> Async<> {
    std::vector<int> inputs(100);
    std::iota(inputs.begin(), inputs.end(), 0);
    const Duration start = self.monotonic_time();
    const auto squares = co_await map(self, inputs, slow_square);
    const Duration took = self.monotonic_time() - start;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(squares[static_cast<std::size_t>(i)], i * i);
    EXPECT_GE(took, Duration{100ms});  // one at a time: a second
    EXPECT_LT(took, Duration{500ms});
  });
}

}  // namespace
