// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/page_costs.hpp"

#include <gtest/gtest.h>

namespace troupe {
namespace {

constexpr std::size_t piece = 64 * 1024;
constexpr std::int64_t pieces = large_page_bytes / piece;

TEST(page_costs_test, nobody_asks_what_small_pages_cost_while_large_ones_are_fast) {
  PageCosts costs;
  EXPECT_TRUE(costs.prefers_large());
  costs.note_large(250'000);
  costs.note_small(piece, 1);
  EXPECT_TRUE(costs.prefers_large());
}

TEST(page_costs_test, after_a_slow_large_page_small_ones_are_tried_and_kept_if_they_cost_less) {
  PageCosts costs;
  costs.note_large(5'000'000);
  EXPECT_FALSE(costs.prefers_large());
  costs.note_small(piece, 500'000 / pieces);
  EXPECT_FALSE(costs.prefers_large());
}

TEST(page_costs_test, small_pages_that_cost_half_as_much_again_are_given_up_at_once) {
  PageCosts costs;
  costs.note_large(5'000'000);
  costs.note_small(piece, 9'000'000 / pieces);
  EXPECT_TRUE(costs.prefers_large());
}

TEST(page_costs_test, a_large_page_is_tried_again_after_32_mib_of_small_ones) {
  PageCosts costs;
  costs.note_large(5'000'000);
  for (std::uint64_t taken = 0; taken < PageCosts::retry_bytes; taken += piece) {
    EXPECT_FALSE(costs.prefers_large());
    costs.note_small(piece, 500'000 / pieces);
  }
  EXPECT_TRUE(costs.prefers_large());
  costs.note_large(5'000'000);  // still slow: small ones again
  EXPECT_FALSE(costs.prefers_large());
  for (std::uint64_t taken = 0; taken < PageCosts::retry_bytes; taken += piece) {
    costs.note_small(piece, 500'000 / pieces);
  }
  costs.note_large(250'000);  // it is over
  EXPECT_TRUE(costs.prefers_large());
}

TEST(page_costs_test, a_few_pages_that_come_late_do_not_decide) {
  PageCosts costs;
  costs.note_large(5'000'000);
  for (int i = 0; i < 8; ++i) costs.note_small(piece, 500'000 / pieces);
  costs.note_small(12 * 1024, 150'000);
  costs.note_small(piece, 4'000'000 / pieces);
  EXPECT_FALSE(costs.prefers_large());
}

TEST(page_costs_test, but_a_series_of_them_does) {
  PageCosts costs;
  costs.note_large(5'000'000);
  costs.note_small(piece, 500'000 / pieces);
  int slow = 0;
  while (!costs.prefers_large() && slow < 1'000) {
    costs.note_small(piece, 20'000'000 / pieces);
    ++slow;
  }
  EXPECT_GT(slow, 4);
  EXPECT_LT(slow, 2 * pieces);
}

TEST(page_costs_test, small_pages_of_unknown_cost_count_for_the_next_try) {
  PageCosts costs;
  costs.note_large(5'000'000);
  costs.note_small(PageCosts::retry_bytes - 1);
  EXPECT_FALSE(costs.prefers_large());
  costs.note_small(1);
  EXPECT_TRUE(costs.prefers_large());
}

TEST(page_costs_test, no_bytes_tell_nothing_and_large_ranges_count_as_they_are) {
  PageCosts costs;
  costs.note_large(5'000'000);
  costs.note_small(0, 100);
  EXPECT_FALSE(costs.prefers_large());
  costs.note_small(4 * large_page_bytes, 8'000'000);
  EXPECT_TRUE(costs.prefers_large());
}

}  // namespace
}  // namespace troupe
