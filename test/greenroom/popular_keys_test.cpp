// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/popular_keys.hpp"

#include <gtest/gtest.h>

namespace greenroom {
namespace {

TEST(PopularKeys, a_key_with_more_than_its_share_is_always_found) {
  PopularKeys popular;
  // 20,000 keys that are read once, and three that stand out among them.
  for (int i = 0; i < 20'000; ++i) {
    popular.note("rare:" + std::to_string(i), 1);
    if (i % 4 == 0) popular.note("first", 1);
    if (i % 10 == 0) popular.note("second", 1);
    if (i % 20 == 0) popular.note("third", 1);
  }
  const auto top = popular.top(3);
  ASSERT_EQ(top.size(), 3u);
  EXPECT_EQ(top[0].key, "first");
  EXPECT_EQ(top[1].key, "second");
  EXPECT_EQ(top[2].key, "third");
  for (const auto& [entry, exact] : {std::pair{top[0], 5'000u}, {top[1], 2'000u}}) {
    EXPECT_GE(entry.count, exact);
    EXPECT_LE(entry.count - entry.error, exact) << "the error is a bound";
  }
}

TEST(PopularKeys, where_none_stands_out_none_is_named) {
  PopularKeys popular;
  for (int round = 0; round < 20; ++round)
    for (int i = 0; i < 2'000; ++i) popular.note("k" + std::to_string(i), 1);
  EXPECT_TRUE(popular.top(10).empty());
}

TEST(PopularKeys, what_was_popular_makes_room_with_time) {
  PopularKeys popular;
  popular.note("old", 1'000);
  for (int i = 0; i < 5; ++i) popular.halve();
  popular.note("new", 100);
  EXPECT_EQ(popular.top(1)[0].key, "new");
  for (int i = 0; i < 20; ++i) popular.halve();
  EXPECT_TRUE(popular.top(10).empty());
}

TEST(PopularKeys, a_key_without_end_is_not_kept) {
  PopularKeys popular;
  popular.note(std::string(PopularKeys::max_key_bytes + 1, 'x'), 1'000);
  EXPECT_TRUE(popular.top(10).empty());
}

}  // namespace
}  // namespace greenroom
