// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/prng.hpp"

#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace troupe {
namespace {

// The vector that implementations in other languages publish for the seed 1234567.
TEST(prng, mix64_gives_the_published_splitmix64_sequence) {
  std::uint64_t counter = 1234567;
  const std::array<std::uint64_t, 5> expected = {6457827717110365317u, 3203168211198807973u,
                                                 9817491932198370423u, 4593380528125082431u,
                                                 16408922859458223821u};
  for (const std::uint64_t value : expected) {
    counter += 0x9e3779b97f4a7c15;
    EXPECT_EQ(mix64(counter), value);
  }
}

// The recurrence of the paper, written a second time in its plainest form.
TEST(prng, next_follows_the_recurrence_of_xoshiro256_starstar) {
  std::uint64_t counter = 42;
  std::array<std::uint64_t, 4> s{};
  for (auto& word : s) word = mix64(counter += 0x9e3779b97f4a7c15);
  const auto rotate = [](std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
  Prng prng{42};
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t expected = rotate(s[1] * 5, 7) * 9;
    const std::uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    ASSERT_EQ(prng.next(), expected);
  }
}

TEST(prng, the_same_seed_gives_the_same_numbers_for_ever) {
  Prng prng{1};
  const std::array<std::uint64_t, 3> first = {prng.next(), prng.next(), prng.next()};
  EXPECT_EQ(first, (std::array<std::uint64_t, 3>{12966619160104079557u, 9600361134598540522u,
                                                 10590380919521690900u}));
}

TEST(prng, below_is_uniform_and_stays_below) {
  Prng prng{7};
  for (const std::uint64_t n : {1u, 2u, 3u, 10u, 1000u}) {
    std::vector<int> counts(n);
    const int draws = 200'000;
    for (int i = 0; i < draws; ++i) {
      const std::uint64_t drawn = prng.below(n);
      ASSERT_LT(drawn, n);
      ++counts[drawn];
    }
    // Chi-squared; the bound is six standard deviations above the mean.
    double chi = 0;
    const double expected = static_cast<double>(draws) / static_cast<double>(n);
    for (const int count : counts) chi += (count - expected) * (count - expected) / expected;
    const double degrees = static_cast<double>(n) - 1;
    EXPECT_LE(chi, degrees + 6 * std::sqrt(2 * degrees + 1)) << n;
  }
}

// With n = 3 * 2^62 a plain product would return every third value half as often again.
TEST(prng, below_does_not_favour_values_when_n_does_not_divide_the_range) {
  Prng prng{8};
  const std::uint64_t n = std::uint64_t{3} << 62;
  int low = 0;
  const int draws = 300'000;
  for (int i = 0; i < draws; ++i) low += prng.below(n) % 3 == 0;
  EXPECT_NEAR(low, draws / 3, 2000);
}

TEST(prng, between_includes_both_ends_and_takes_the_whole_range) {
  Prng prng{9};
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(prng.between(5, 8));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{5, 6, 7, 8}));
  EXPECT_EQ(prng.between(3, 3), 3u);
  Prng twin = prng;
  EXPECT_EQ(prng.between(0, Prng::max()), twin.next());
}

TEST(prng, chance_follows_its_probability_and_draws_once) {
  Prng prng{10};
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) hits += prng.chance(0.25);
  EXPECT_NEAR(hits, 25'000, 900);
  Prng never = prng;
  Prng always = prng;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(never.chance(0));
    EXPECT_TRUE(always.chance(1));
  }
  EXPECT_EQ(never.next(), always.next());
}

TEST(prng, shuffle_reaches_every_order_equally_often) {
  Prng prng{11};
  std::array<int, 6> counts{};
  for (int i = 0; i < 60'000; ++i) {
    std::array<int, 3> items = {0, 1, 2};
    prng.shuffle(std::span<int>{items});
    ++counts[static_cast<std::size_t>(items[0] * 2 + (items[1] > items[2]))];
  }
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 600);
}

TEST(prng, derived_streams_ignore_what_was_drawn_and_differ_from_each_other) {
  Prng prng{12};
  const Prng before = prng;
  for (int i = 0; i < 10; ++i) prng.next();
  std::set<std::uint64_t> firsts;
  for (std::uint64_t stream = 0; stream < 10'000; ++stream) {
    Prng derived = prng.derive(stream);
    Prng same = before.derive(stream);
    const std::uint64_t first = derived.next();
    ASSERT_EQ(first, same.next());
    firsts.insert(first);
  }
  firsts.insert(prng.derive(1).derive(2).next());
  firsts.insert(prng.derive(2).derive(1).next());
  Prng parent = before;
  firsts.insert(parent.next());
  EXPECT_EQ(firsts.size(), 10'003u);
}

TEST(prng_death_test, below_zero_is_a_bug) {
  Prng prng{13};
  EXPECT_DEATH(prng.below(0), "there is no number below zero");
}

}  // namespace
}  // namespace troupe
