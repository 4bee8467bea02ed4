// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <gtest/gtest.h>
#include <string>

#include <troupe/key_table.hpp>

namespace troupe {
namespace {

constexpr auto both_lengths = {KeyTable::KeyLength::up_to_16_bytes, KeyTable::KeyLength::longer};

// Short keys stand in the table's slots with their pids, but without the pids' nodes.
TEST(KeyTableTest, a_pid_is_found_with_its_node_whoever_else_is_in_the_table) {
  for (const auto length : both_lengths) {
    const std::string long_key(40, 'k');
    const Pid here{1, 5, 7};
    const Pid there{2, 5, 7};
    KeyTable table{length};
    EXPECT_FALSE(table.find("a"));
    EXPECT_TRUE(table.insert("a", here));
    EXPECT_TRUE(table.insert(long_key, here));
    EXPECT_FALSE(table.insert("a", there));
    EXPECT_EQ(table.find("a"), here);
    EXPECT_EQ(table.find(long_key), here);
    EXPECT_TRUE(table.insert("b", there));
    EXPECT_EQ(table.find("a"), here);
    EXPECT_EQ(table.find("b"), there);
    EXPECT_FALSE(table.replace("a", there, there));
    EXPECT_TRUE(table.replace("a", here, there));
    EXPECT_EQ(table.find("a"), there);
    EXPECT_FALSE(table.erase("a", here));
    EXPECT_TRUE(table.erase("a", there));
    EXPECT_FALSE(table.find("a"));
    EXPECT_EQ(table.find(long_key), here);
  }
}

TEST(KeyTableTest, to_expect_a_key_changes_nothing) {
  for (const auto length : both_lengths) {
    KeyTable table{length};
    table.expect("nobody");  // of an empty table
    EXPECT_EQ(table.size(), 0u);
    for (std::uint32_t i = 0; i < 5000; ++i) {
      table.expect(std::to_string(i + 10));
      EXPECT_TRUE(table.insert(std::to_string(i), Pid{1, i, 1}));
    }
    table.expect("nobody");
    EXPECT_FALSE(table.find("nobody"));
    EXPECT_EQ(table.size(), 5000u);
  }
}

TEST(KeyTableTest, the_key_of_an_entry_is_kept_at_one_place_until_it_goes) {
  for (const auto length : both_lengths) {
    const Pid pid{1, 2, 3};
    KeyTable table{length};
    table.insert("first", pid);
    const std::string_view kept = table.kept_key("first", pid);
    EXPECT_EQ(kept, "first");
    for (std::uint32_t i = 0; i < 5000; ++i) table.insert(std::to_string(i), Pid{1, i, 1});
    EXPECT_EQ(table.kept_key("first", pid).data(), kept.data());
    EXPECT_EQ(kept, "first");
    EXPECT_EQ(table.kept_key("first", Pid{1, 2, 4}).data(), nullptr);
    EXPECT_EQ(table.size(), 5001u);
  }
}

}  // namespace
}  // namespace troupe
