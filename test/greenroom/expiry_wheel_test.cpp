// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "expiry/expiry_wheel.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

namespace greenroom {
namespace {

constexpr std::int64_t start_ms = 1'764'000'000'000;

troupe::Pid pid(std::uint32_t number) { return troupe::Pid{1, number, 1}; }

std::vector<std::int64_t> due_at(ExpiryWheel& wheel, std::int64_t now_ms) {
  std::vector<ExpiryWheel::Entry> due;
  EXPECT_FALSE(wheel.take_due(now_ms, SIZE_MAX, due));
  std::vector<std::int64_t> times;
  for (const ExpiryWheel::Entry& entry : due) times.push_back(entry.due_ms());
  return times;
}

TEST(ExpiryWheel, gives_each_entry_at_its_millisecond_and_not_before) {
  ExpiryWheel wheel;
  EXPECT_TRUE(due_at(wheel, start_ms).empty());
  for (const std::int64_t after : {1, 1'023, 1'024, 70'000, 86'400'000}) {
    wheel.add({start_ms + after, pid(1)});
    EXPECT_TRUE(due_at(wheel, start_ms + after - 1).empty()) << after;
    EXPECT_EQ(due_at(wheel, start_ms + after), std::vector{start_ms + after}) << after;
  }
  EXPECT_EQ(wheel.size(), 0U);
  EXPECT_EQ(wheel.next_ms(), ExpiryWheel::never);
}

// Against a sorted list, with deadlines of all magnitudes and steps of time of all sizes.
TEST(ExpiryWheel, agrees_with_a_sorted_list) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    std::mt19937_64 random{seed};
    ExpiryWheel wheel;
    std::vector<std::int64_t> expected;
    std::int64_t now_ms = start_ms;
    for (int step = 0; step < 400; ++step) {
      for (int i = 0; i < 20; ++i) {
        const std::int64_t after = static_cast<std::int64_t>(random() >> (20 + random() % 44));
        const std::int64_t due_ms = now_ms + after - 5;
        wheel.add({due_ms, pid(static_cast<std::uint32_t>(i))});
        expected.push_back(due_ms);
      }
      now_ms += static_cast<std::int64_t>(random() >> (30 + random() % 34));
      std::ranges::sort(expected);
      const auto end = std::ranges::upper_bound(expected, now_ms);
      const std::vector<std::int64_t> due{expected.begin(), end};
      expected.erase(expected.begin(), end);
      ASSERT_EQ(due_at(wheel, now_ms), due) << "seed " << seed << " step " << step;
      ASSERT_EQ(wheel.size(), expected.size());
      if (!expected.empty()) {
        ASSERT_LE(wheel.next_ms(), expected.front());
        ASSERT_GT(wheel.next_ms(), now_ms);
      }
    }
  }
}

TEST(ExpiryWheel, stops_at_the_limit_and_goes_on_from_there) {
  ExpiryWheel wheel;
  (void)due_at(wheel, start_ms);
  for (std::uint32_t i = 0; i < 1'000; ++i) wheel.add({start_ms + 10, pid(i)});
  std::vector<ExpiryWheel::Entry> due;
  EXPECT_TRUE(wheel.take_due(start_ms + 10, 999, due));
  EXPECT_EQ(due.size(), 999U);
  EXPECT_FALSE(wheel.take_due(start_ms + 10, 999, due));
  EXPECT_EQ(due.size(), 1'000U);
}

TEST(ExpiryWheel, keeps_its_promises_when_the_clock_is_set_back_or_forward) {
  constexpr std::int64_t hour = 3'600'000;
  ExpiryWheel wheel;
  (void)due_at(wheel, start_ms);
  wheel.add({start_ms + 2'000, pid(1)});
  EXPECT_TRUE(due_at(wheel, start_ms - hour).empty());
  wheel.add({start_ms - hour + 5, pid(2)});
  EXPECT_EQ(due_at(wheel, start_ms - hour + 5), std::vector{start_ms - hour + 5});
  EXPECT_EQ(due_at(wheel, start_ms + hour), std::vector{start_ms + 2'000});
}

}  // namespace
}  // namespace greenroom
