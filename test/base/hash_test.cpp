// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/hash.hpp"

#include <bit>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include <troupe/pid.hpp>

#include "base/text_hash.hpp"

namespace troupe {
namespace {

// Appendix A of the paper: SipHash-2-4 of the bytes 0 to 14 under the key of the bytes 0 to 15.
TEST(hash, sip_hash_gives_the_vector_of_its_paper) {
  std::string bytes;
  for (char byte = 0; byte < 15; ++byte) bytes += byte;
  const HashKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  EXPECT_EQ((sip_hash<2, 4>(bytes, key)), 0xa129ca6149be45e5u);
}

TEST(hash, strings_of_every_length_hash_apart_and_reads_nothing_beyond_them) {
  const auto hash_lengths = [](auto hash) {
    std::set<std::uint64_t> seen;
    for (std::size_t length = 0; length < 100; ++length) {
      const std::string text(length, '\0');
      seen.insert(hash(text));
      EXPECT_EQ(hash(text), hash(std::string_view{text.c_str(), length}));
    }
    EXPECT_EQ(seen.size(), 100u);
  };
  hash_lengths(Hash<std::string>{});
  hash_lengths(TextHash{});
}

TEST(hash, every_byte_of_a_text_counts) {
  const TextHash hash;
  for (std::size_t length = 1; length < 50; ++length) {
    const std::string text(length, 'a');
    for (std::size_t at = 0; at < length; ++at) {
      std::string other = text;
      other[at] = 'b';
      EXPECT_NE(hash(other), hash(text)) << length << " " << at;
    }
  }
}

TEST(hash, another_key_gives_other_hashes) {
  Hash<std::string> other;
  other.key = HashKey{1, 2};
  EXPECT_NE(other("name"), Hash<std::string>{}("name"));
  EXPECT_NE((TextHash{HashKey{1, 2}}("name")), TextHash{}("name"));
}

// Neighbours are what tables see: pids of consecutive slots, counters, small negative numbers.
TEST(hash, neighbouring_keys_spread_over_low_and_high_bits) {
  const auto spread = [](auto make) {
    std::set<std::uint64_t> low;
    std::set<std::uint64_t> high;
    for (std::uint32_t i = 0; i < 4096; ++i) {
      const std::uint64_t hash = make(i);
      low.insert(hash & 0xfff);
      high.insert(hash >> 52);
    }
    // Balls into bins: 4096 * (1 - 1/e) = 2589 bins are hit, with a deviation of 31.
    EXPECT_NEAR(static_cast<double>(low.size()), 2589, 160);
    EXPECT_NEAR(static_cast<double>(high.size()), 2589, 160);
  };
  spread([](std::uint32_t i) { return Hash<std::uint64_t>{}(i); });
  spread([](std::uint32_t i) { return Hash<int>{}(-static_cast<int>(i)); });
  spread([](std::uint32_t i) { return Hash<Pid>{}(Pid{1, i, 1}); });
  spread([](std::uint32_t i) { return Hash<Pid>{}(Pid{1, 7, i}); });
  spread([](std::uint32_t i) { return Hash<Pid>{}(Pid{i, 7, 1}); });
  spread([](std::uint32_t i) { return Hash<Ref>{}(Ref{1, i}); });
  spread([](std::uint32_t i) { return Hash<std::string>{}(std::to_string(i)); });
  spread([](std::uint32_t i) { return TextHash{}(std::to_string(i)); });
  spread([](std::uint32_t i) { return TextHash{}("a longer name, number " + std::to_string(i)); });
  spread([](std::uint32_t i) {
    return Hash<char*>{}(reinterpret_cast<char*>(std::uintptr_t{0x7f0000001000} + i * 64u));
  });
}

}  // namespace
}  // namespace troupe
