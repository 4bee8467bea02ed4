// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <troupe/term.hpp>

namespace troupe {
namespace {

std::string repeat(std::string_view text, int count) {
  std::string all;
  while (count-- > 0) all += text;
  return all;
}

static_assert(atoms::nil.index() == 0);
static_assert(Atom{} == atoms::nil);
static_assert(atoms::ok != atoms::error);

TEST(AtomTest, the_same_text_is_the_same_atom) {
  EXPECT_EQ(Atom{"some_atom"}, Atom{std::string{"some_"} + "atom"});
  EXPECT_NE(Atom{"some_atom"}, Atom{"another_atom"});
  EXPECT_EQ(Atom{"some_atom"}.text(), "some_atom");
}

TEST(AtomTest, constants_are_the_atoms_of_their_texts) {
  EXPECT_EQ(Atom{"nil"}, atoms::nil);
  EXPECT_EQ(Atom{"normal"}, atoms::normal);
  EXPECT_EQ(Atom{"EXIT"}, atoms::EXIT);
  EXPECT_EQ(Atom{"$gen_call"}, atoms::gen_call);
  EXPECT_EQ(atoms::throw_.text(), "throw");
  EXPECT_EQ(atoms::nonode_nohost.text(), "nonode@nohost");
}

TEST(AtomTest, the_limit_counts_characters_not_bytes) {
  EXPECT_TRUE(Atom::try_make(repeat("x", 255)));
  EXPECT_TRUE(Atom::try_make(repeat("\U0001f600", 255)));
  EXPECT_EQ(Atom::try_make(repeat("x", 256)).error(), AtomError::too_long);
  EXPECT_EQ(Atom::try_make(repeat("\U0001f600", 256)).error(), AtomError::too_long);
  EXPECT_THROW(Atom{repeat("x", 256)}, std::length_error);
}

TEST(AtomTest, what_is_not_utf8_is_no_atom) {
  for (std::string_view bytes :
       {"\xff", "a\x80", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    EXPECT_EQ(Atom::try_make(bytes).error(), AtomError::invalid_utf8) << bytes;
  }
  EXPECT_THROW(Atom{"\xff"}, std::invalid_argument);
}

TEST(AtomTest, asking_for_an_existing_atom_makes_none) {
  std::size_t before = Atom::count();
  EXPECT_EQ(Atom::existing("no_test_makes_this_atom").error(), AtomError::does_not_exist);
  EXPECT_EQ(Atom::count(), before);
  EXPECT_EQ(Atom::existing("ok"), atoms::ok);
}

TEST(AtomTest, atoms_are_ordered_by_text) {
  EXPECT_LT(Atom{"a"}, Atom{"b"});
  EXPECT_LT(Atom{"abcdefgh"}, Atom{"abcdefghi"});
  EXPECT_LT(Atom{"abcdefgha"}, Atom{"abcdefghb"});
  EXPECT_LT(Atom{""}, Atom{"a"});
  EXPECT_LT(Atom{"Z"}, Atom{"a"});
  EXPECT_EQ(Atom{"a"} <=> Atom{"a"}, std::strong_ordering::equal);
}

TEST(AtomTest, threads_that_make_the_same_atoms_agree_on_them) {
  constexpr int count = 5'000;
  std::vector<std::vector<Atom>> made(4);
  std::vector<std::thread> threads;
  for (auto& mine : made) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < count; ++i) mine.push_back(Atom{"shared_" + std::to_string(i)});
    });
  }
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < count; ++i) {
    auto at = static_cast<std::size_t>(i);
    EXPECT_EQ(made[0][at].text(), "shared_" + std::to_string(i));
    for (const auto& other : made) ASSERT_EQ(other[at], made[0][at]);
  }
}

}  // namespace
}  // namespace troupe
