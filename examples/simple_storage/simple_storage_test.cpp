// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "simple_storage/simple_storage.hpp"

#include <filesystem>
#include <gtest/gtest.h>

#include "support/scratch_directory.hpp"

namespace {

using namespace simple_storage;
using troupe::test::ScratchDirectory;

TEST(SimpleStorage, keeps_a_value_and_lists_its_key) {
  const ScratchDirectory directory;
  auto storage = SimpleStorage::open(directory.path()).value();
  const Metadata now{
      std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now())};
  const UserData alice{"Alice", {{1, "Buy milk", false}, {2, "Call dentist", true}}, now};
  ASSERT_TRUE(storage.put("alice_todos", alice));
  const auto read = storage.get<UserData>("alice_todos").value().value();
  EXPECT_EQ(read.user, "Alice");
  EXPECT_EQ(read.todos, alice.todos);
  EXPECT_EQ(read.todos.size(), 2u);
  EXPECT_EQ(read.metadata, now);
  EXPECT_EQ(storage.list_keys().value(), std::vector<std::string>{"alice_todos"});
}

TEST(SimpleStorage, what_is_not_there_is_nothing_and_what_is_removed_is_not_there) {
  const ScratchDirectory directory;
  auto storage = SimpleStorage::open(directory.path()).value();
  EXPECT_EQ(storage.get<int>("none").value(), std::nullopt);
  ASSERT_TRUE(storage.put("n", 5));
  ASSERT_TRUE(storage.remove("n"));
  EXPECT_EQ(storage.get<int>("n").value(), std::nullopt);
}

TEST(SimpleStorage, no_key_leaves_the_directory) {
  const ScratchDirectory directory;
  auto storage = SimpleStorage::open(directory.path() + "/data").value();
  ASSERT_TRUE(storage.put("../escape", 1));
  ASSERT_TRUE(storage.put(std::string(300, 'x'), 2));
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/escape"));
  EXPECT_EQ(storage.get<int>("../escape").value(), 1);
  EXPECT_EQ(storage.get<int>(std::string(300, 'x')).value(), 2);
}

TEST(SimpleStorage, a_value_of_another_kind_is_an_error_and_not_a_guess) {
  const ScratchDirectory directory;
  auto storage = SimpleStorage::open(directory.path()).value();
  ASSERT_TRUE(storage.put("n", 5));
  const auto wrong = storage.get<UserData>("n");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().kind, troupe::storage::ErrorKind::corrupt);
}

}  // namespace
