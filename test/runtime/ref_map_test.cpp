// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/ref_map.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/prng.hpp"

namespace troupe::detail {
namespace {

// Ids as processes have them: mostly in a row, in blocks; or all with the same lowest bits.
std::uint64_t id_of(std::uint64_t number, std::uint64_t stride) {
  return (std::uint64_t{7} << 56) + number % 64 * stride + number / 64 * 4096 * stride;
}

void agrees_with_the_model(std::uint64_t ids, std::uint64_t stride, std::uint64_t seed) {
  SCOPED_TRACE(seed);
  Prng prng{seed};
  RefMap<std::shared_ptr<std::uint64_t>> map;
  std::unordered_map<std::uint64_t, std::uint64_t> model;
  for (std::uint64_t i = 0; i < 40 * ids; ++i) {
    const std::uint64_t id = id_of(prng.below(ids), stride);
    const bool fills = (i / (4 * ids)) % 2 == 0;
    if (prng.chance(fills ? 0.8 : 0.2)) {
      ASSERT_EQ(map.insert(id, std::make_shared<std::uint64_t>(i)), model.emplace(id, i).second);
    } else {
      ASSERT_EQ(map.erase(id), model.erase(id) == 1);
    }
    const auto expected = model.find(id);
    const auto* found = map.find(id);
    ASSERT_EQ(found != nullptr, expected != model.end());
    if (found) {
      ASSERT_EQ(**found, expected->second);
    }
    ASSERT_EQ(map.size(), model.size());
    if (i % ids != 0) continue;
    std::unordered_map<std::uint64_t, std::uint64_t> all;
    for (auto [known, value] : map) ASSERT_TRUE(all.emplace(known, *value).second);
    ASSERT_EQ(all, model);
  }
}

TEST(ref_map, agrees_with_a_model_over_random_histories) {
  agrees_with_the_model(9, 1, 1);
  agrees_with_the_model(500, 1, 2);
  agrees_with_the_model(5000, 1, 3);
  agrees_with_the_model(1000, 16, 4);
}

// Of two monitors of one process the older one is told first.
TEST(ref_map, as_long_as_they_are_few_erasing_keeps_the_order) {
  RefMap<int> map;
  for (int i = 0; i < 8; ++i) map.insert(static_cast<std::uint64_t>(i), i);
  map.erase(0);
  map.erase(5);
  std::vector<int> order;
  for (auto [id, value] : map) order.push_back(value);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 6, 7}));
  EXPECT_EQ(*map.find(7), 7);
}

// What a process with calls under way does: the oldest is answered first.
TEST(ref_map, erasing_the_oldest_keeps_the_order_and_another_is_replaced_by_the_last) {
  RefMap<int> map;
  for (int i = 0; i < 100; ++i) map.insert(static_cast<std::uint64_t>(i), i);
  for (int i = 0; i < 40; ++i) map.erase(static_cast<std::uint64_t>(i));
  map.erase(50);
  map.erase(98);
  std::vector<int> order;
  for (auto [id, value] : map) {
    EXPECT_EQ(id, static_cast<std::uint64_t>(value));
    order.push_back(value);
  }
  std::vector<int> expected;
  for (int i = 40; i < 98; ++i) expected.push_back(i == 50 ? 99 : i);
  EXPECT_EQ(order, expected);
  EXPECT_FALSE(map.erase(0));
  EXPECT_TRUE(map.insert(0, 5));
  EXPECT_FALSE(map.insert(0, 6));
  EXPECT_EQ(*map.find(0), 5);
}

// One is answered while the next is asked, for longer than entries have numbers.
TEST(ref_map, a_queue_may_go_through_it_for_ever) {
  RefMap<std::unique_ptr<int>, 256> map;
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_TRUE(map.insert(static_cast<std::uint64_t>(i), std::make_unique<int>(i)));
    if (i < 100) continue;
    ASSERT_EQ(**map.find(static_cast<std::uint64_t>(i - 50)), i - 50);
    ASSERT_EQ(*(*map.begin()).value, i - 100);
    ASSERT_TRUE(map.erase(static_cast<std::uint64_t>(i - 100)));
    ASSERT_EQ(map.find(static_cast<std::uint64_t>(i - 100)), nullptr);
    ASSERT_EQ(map.size(), 100u);
  }
}

}  // namespace
}  // namespace troupe::detail
