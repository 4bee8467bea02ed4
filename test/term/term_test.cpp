// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include <troupe/term.hpp>

namespace troupe {
namespace {

static_assert(std::is_nothrow_move_constructible_v<Term>);
static_assert(std::is_nothrow_copy_constructible_v<Term>);
static_assert(!std::is_constructible_v<Term, const char*>,
              "text is a binary or an atom: say which");
static_assert(!std::is_constructible_v<Term, char>);

Term deep_list(int depth) {
  Term term = Term::nil();
  for (int i = 0; i < depth; ++i) term = list({term});
  return term;
}

TEST(TermTest, default_and_moved_from_terms_are_the_atom_nil) {
  EXPECT_TRUE(Term{}.is_atom(atoms::nil));
  Term big = Term::binary("a text that lives in a box");
  Term taken = std::move(big);
  EXPECT_TRUE(big.is_atom("nil"));
  EXPECT_EQ(taken.as_binary(), "a text that lives in a box");
}

TEST(TermTest, integers_of_every_size_come_back) {
  using Limits = std::numeric_limits<std::int64_t>;
  for (std::int64_t value :
       {std::int64_t{0}, std::int64_t{-1}, (std::int64_t{1} << 61) - 1, std::int64_t{1} << 61,
        -(std::int64_t{1} << 61), -(std::int64_t{1} << 61) - 1, Limits::max(), Limits::min()}) {
    Term term{value};
    EXPECT_TRUE(term.is_integer());
    EXPECT_EQ(term.as_int(), value);
    EXPECT_EQ(term.as_uint().has_value(), value >= 0);
    EXPECT_FALSE(term.as_big());
  }
  Term large{std::numeric_limits<std::uint64_t>::max()};
  EXPECT_FALSE(large.as_int());
  EXPECT_EQ(large.as_uint(), std::numeric_limits<std::uint64_t>::max());
  ASSERT_TRUE(large.as_big());
  EXPECT_EQ(large.as_big()->limbs.size(), 1u);
}

TEST(TermTest, bignums_drop_leading_zeros_and_have_a_limit) {
  const std::uint64_t small[] = {7, 0, 0};
  EXPECT_EQ(Term::big(true, small).as_int(), -7);
  EXPECT_EQ(Term::big(true, std::span<const std::uint64_t>{}).as_int(), 0);
  std::vector<std::uint64_t> limbs(Term::max_big_limbs, 1);
  EXPECT_EQ(Term::big(false, limbs).as_big()->limbs.size(), Term::max_big_limbs);
  limbs.push_back(1);
  EXPECT_THROW(Term::big(false, limbs), std::length_error);
}

TEST(TermTest, floats_are_finite) {
  EXPECT_EQ(Term{1.5}.as_double(), 1.5);
  EXPECT_EQ(Term{1.5f}.as_double(), 1.5);
  EXPECT_FALSE(Term{1}.as_double());
  EXPECT_EQ(Term{1}.as_number(), 1.0);
  EXPECT_THROW(Term{std::numeric_limits<double>::quiet_NaN()}, std::domain_error);
  EXPECT_EQ(Term::from_double(std::numeric_limits<double>::infinity()).error(),
            TermError::not_finite);
}

TEST(TermTest, large_integers_are_rounded_once_to_a_double) {
  // 2^64 + 2^11 lies half-way between two doubles; one bit more rounds up.
  const std::uint64_t half[] = {std::uint64_t{1} << 11, 1};
  const std::uint64_t above[] = {(std::uint64_t{1} << 11) + 1, 1};
  EXPECT_EQ(Term::big(false, half).as_number(), 0x1p64);
  EXPECT_EQ(Term::big(false, above).as_number(), 0x1p64 + 4096);
  EXPECT_EQ(Term::big(true, above).as_number(), -0x1p64 - 4096);
  std::vector<std::uint64_t> huge(17, 1);
  EXPECT_FALSE(Term::big(false, huge).as_number());
}

TEST(TermTest, booleans_are_atoms) {
  EXPECT_TRUE(Term{true}.is_atom(atoms::true_));
  EXPECT_EQ(Term{false}.as_bool(), false);
  EXPECT_FALSE(Term{1}.as_bool());
}

TEST(TermTest, tuples_lists_and_maps_read_as_they_were_written) {
  Term term = tuple({atom("put"), list({1, 2.5}), map({{atom("k"), Term::binary("v")}})});
  ASSERT_TRUE(term.is_tuple(3));
  EXPECT_TRUE(term.is_tagged(Atom{"put"}));
  EXPECT_EQ(term[1].size(), 2u);
  EXPECT_EQ(term[1][1].as_double(), 2.5);
  ASSERT_NE(term[2].find(atom("k")), nullptr);
  EXPECT_EQ(term[2].find(atom("k"))->as_binary(), "v");
  EXPECT_EQ(term[2].find(atom("x")), nullptr);
  EXPECT_EQ(Term{1}.find(1), nullptr);
}

TEST(TermTest, lists_merge_with_a_tail_that_is_a_list) {
  const Term head[] = {1, 2};
  EXPECT_EQ(Term::list_with_tail(head, list({3})), list({1, 2, 3}));
  EXPECT_EQ(Term::list_with_tail(head, Term::nil()), list({1, 2}));
  EXPECT_EQ(Term::list_with_tail({}, atom("x")), atom("x"));
  Term improper = Term::list_with_tail(head, atom("x"));
  EXPECT_FALSE(improper.is_proper_list());
  EXPECT_EQ(improper.size(), 2u);
  EXPECT_TRUE(improper.tail().is_atom("x"));
  EXPECT_EQ(Term::list_with_tail(head, improper).size(), 4u);
  EXPECT_TRUE(Term::list_with_tail(head, improper).tail().is_atom("x"));
}

TEST(TermTest, the_last_of_equal_keys_wins_and_1_is_not_1_0) {
  Term term = map({{1, atom("a")}, {1.0, atom("b")}, {1, atom("c")}});
  EXPECT_EQ(term.size(), 2u);
  EXPECT_TRUE(term.find(1)->is_atom("c"));
  EXPECT_TRUE(term.find(1.0)->is_atom("b"));
}

TEST(TermTest, maps_change_by_copies) {
  Term empty = map(std::initializer_list<MapEntry>{});
  Term one = empty.with(atom("a"), 1);
  Term two = one.with(atom("b"), 2).with(atom("a"), 3);
  EXPECT_EQ(empty.size(), 0u);
  EXPECT_EQ(one, map({{atom("a"), 1}}));
  EXPECT_EQ(two, map({{atom("b"), 2}, {atom("a"), 3}}));
  EXPECT_EQ(two.without(atom("a")), map({{atom("b"), 2}}));
  EXPECT_EQ(two.without(atom("zz")), two);
  EXPECT_EQ(Term{}.with(1, 2), map({{1, 2}}));
}

TEST(TermTest, large_maps_find_every_key) {
  std::vector<MapEntry> entries;
  for (int i = 999; i >= 0; --i) entries.push_back({i, i * 2});
  Term term = map(entries);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(term.find(i)->as_int(), i * 2);
  EXPECT_EQ(term.find(1000), nullptr);
  EXPECT_EQ(term.find(1.0), nullptr);
}

TEST(TermTest, bitstrings_ignore_the_bits_beyond_their_end) {
  const std::uint8_t a[] = {0xab, 0b1011'1111};
  const std::uint8_t b[] = {0xab, 0b1010'0000};
  EXPECT_EQ(Term::bitstring(a, 11), Term::bitstring(b, 11));
  EXPECT_NE(Term::bitstring(a, 12), Term::bitstring(b, 12));
  EXPECT_FALSE(Term::bitstring(a, 11).is_binary());
  EXPECT_TRUE(Term::bitstring(a, 16).is_binary());
  EXPECT_EQ(Term::bitstring(a, 11).as_bits()->bit_count, 11u);
}

TEST(TermTest, pids_and_references_come_back) {
  Pid pid{1, 22, 3};
  Ref reference{2, 0xfedc'ba98'7654'3210};
  EXPECT_EQ(Term{pid}.as_pid(), pid);
  EXPECT_EQ(Term{reference}.as_ref(), reference);
  EXPECT_EQ(Term{*Term{pid}.as_foreign_pid()}, Term{pid});
  EXPECT_EQ(Term{*Term{reference}.as_foreign_ref()}, Term{reference});
  EXPECT_FALSE(Term{pid}.as_ref());
}

TEST(TermTest, a_foreign_pid_becomes_a_pid_once_its_node_has_a_number) {
  NodeName name{Atom{"late@node"}, 77};
  Term foreign{ForeignPid{name.name, name.creation, 5, 6}};
  EXPECT_FALSE(foreign.as_pid());
  EXPECT_TRUE(set_node_name(91, name));
  EXPECT_EQ(foreign.as_pid(), (Pid{91, 5, 6}));
  EXPECT_EQ(foreign, Term(Pid{91, 5, 6}));
  EXPECT_EQ(phash2(foreign), phash2(Pid{91, 5, 6}));
  EXPECT_FALSE(set_node_name(0, name));
  EXPECT_FALSE(set_node_name(max_named_nodes, name));
}

TEST(TermTest, kinds_are_ordered_as_in_erlang) {
  const Term ascending[] = {-5,
                            1.5,
                            2,
                            atom("a"),
                            Ref{1, 1},
                            Term::external_fun(Atom{"m"}, Atom{"f"}, 1),
                            PortName{Atom{"n@h"}, 1, 1},
                            Pid{1, 1, 1},
                            tuple({9}),
                            tuple({1, 2}),
                            map({{1, 1}}),
                            Term::nil(),
                            list({1}),
                            Term::binary("")};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    for (std::size_t j = 0; j < std::size(ascending); ++j) {
      EXPECT_EQ(ascending[i] < ascending[j], i < j) << i << " " << j;
      EXPECT_EQ(ascending[i] == ascending[j], i == j) << i << " " << j;
    }
  }
}

TEST(TermTest, order_takes_1_and_1_0_for_equivalent_but_equality_does_not) {
  EXPECT_EQ(Term{1} <=> Term{1.0}, std::weak_ordering::equivalent);
  EXPECT_NE(Term{1}, Term{1.0});
  EXPECT_EQ(Term{0.0}, Term{-0.0});
  EXPECT_EQ(phash2(Term{0.0}), phash2(Term{-0.0}));
}

TEST(TermTest, terms_of_any_depth_are_compared_hashed_and_freed) {
  constexpr int depth = 1'000'000;
  Term a = deep_list(depth);
  Term b = deep_list(depth);
  EXPECT_EQ(a, b);
  EXPECT_EQ(a <=> b, std::weak_ordering::equivalent);
  EXPECT_EQ(phash2(a), phash2(b));
  EXPECT_EQ(to_erlang(a).size(), 2u * depth + 2);
  EXPECT_EQ(to_elixir(a).size(), 2u * depth + 2);
  EXPECT_EQ(a.compacted(), a);
}

TEST(TermTest, terms_serve_as_keys_of_hash_tables) {
  std::unordered_set<Term> set{1, 1.0, atom("a"), tuple({1}), tuple({1})};
  EXPECT_EQ(set.size(), 4u);
  EXPECT_TRUE(set.contains(tuple({1})));
}

TEST(TermTest, copies_in_many_threads_are_counted_right) {
  Term shared = list({Term::binary("shared"), tuple({1, 2.5})});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([shared] {
      for (int n = 0; n < 20'000; ++n) {
        Term copy = shared;
        Term part = copy[n % 2];
        copy = part;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(shared[0].as_binary(), "shared");
}

TEST(TermTest, texts_come_from_binaries_and_character_lists) {
  EXPECT_EQ(Term::binary("abc").as_text(), "abc");
  EXPECT_EQ(Term::char_list("abc").as_text(), "abc");
  EXPECT_EQ(Term::nil().as_text(), "");
  EXPECT_FALSE(list({300}).as_text());
  EXPECT_FALSE(atom("abc").as_text());
}

}  // namespace
}  // namespace troupe
