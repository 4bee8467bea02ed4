// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/bytes.hpp"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <string>

#include "base/prng.hpp"

namespace troupe {
namespace {

std::string some_bytes(Prng& prng, std::size_t count) {
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(prng.next());
  return bytes;
}

TEST(bytes, agree_with_a_string_over_random_appends_and_consumes) {
  Prng prng{1};
  for (const std::size_t limit :
       {std::size_t{1}, std::size_t{300}, std::size_t{100'000}, SIZE_MAX}) {
    ByteBuffer buffer{limit};
    std::string model;
    for (int i = 0; i < 50'000; ++i) {
      const std::uint64_t extent = prng.chance(0.01) ? 3000 : 50;
      const std::size_t count = prng.below(extent);
      const std::uint64_t what = prng.below(100);
      if (what < 30) {
        const std::string bytes = some_bytes(prng, count);
        const bool fits = model.size() + count <= limit;
        ASSERT_EQ(buffer.append(bytes), fits);
        if (fits) model += bytes;
      } else if (what < 50) {
        const std::span<std::byte> into = buffer.prepare(count);
        ASSERT_EQ(into.size(), std::min(count, limit - model.size()));
        const std::string bytes = some_bytes(prng, prng.below(into.size() + 1));
        if (!bytes.empty()) std::memcpy(into.data(), bytes.data(), bytes.size());
        buffer.commit(bytes.size());
        model += bytes;
      } else if (what < 99) {
        const std::size_t used = std::min(count, model.size());
        buffer.consume(used);
        model.erase(0, used);
      } else {
        buffer.clear();
        model.clear();
      }
      ASSERT_EQ(buffer.text(), model);
      ASSERT_EQ(buffer.data().size(), model.size());
      ASSERT_EQ(buffer.empty(), model.empty());
      ASSERT_EQ(buffer.room(), limit - model.size());
      if (prng.chance(0.01)) {
        ByteBuffer moved{std::move(buffer)};
        ASSERT_TRUE(buffer.empty());
        buffer = std::move(moved);
      }
    }
  }
}

// A window that slides: memory must not grow with what has passed through, and must not be moved at
// every step.
TEST(bytes, a_steady_stream_keeps_its_memory) {
  ByteBuffer buffer;
  ASSERT_TRUE(buffer.append(std::string(1000, 'x')));
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_TRUE(buffer.append(std::string_view{"0123456789"}));
    buffer.consume(10);
  }
  EXPECT_EQ(buffer.size(), 1000u);
  EXPECT_LE(buffer.allocated_bytes(), 4096u);
}

TEST(bytes, consuming_a_large_buffer_bytewise_is_linear) {
  ByteBuffer buffer;
  const std::string chunk(1 << 20, 'x');
  ASSERT_TRUE(buffer.append(chunk));
  std::size_t moves = 0;
  const std::byte* at = buffer.data().data();
  for (bool odd = false; buffer.size() > 1; odd = !odd) {
    buffer.consume(1);
    // Were it not amortised, the appends would move all bytes again and again.
    if (odd) {
      ASSERT_TRUE(buffer.append(std::string_view{"y"}));
    }
    moves += buffer.data().data() != at + 1;
    at = buffer.data().data();
  }
  EXPECT_LE(moves, 30u);
}

TEST(bytes, memory_comes_with_the_first_byte_and_goes_after_a_burst) {
  ByteBuffer buffer;
  EXPECT_EQ(buffer.allocated_bytes(), 0u);
  EXPECT_TRUE(buffer.append(std::string_view{}));
  EXPECT_EQ(buffer.allocated_bytes(), 0u);
  ASSERT_TRUE(buffer.append(std::string(1000, 'x')));
  buffer.consume(1000);
  EXPECT_GE(buffer.allocated_bytes(), 1000u);
  buffer.release();
  EXPECT_EQ(buffer.allocated_bytes(), 0u);
  ASSERT_TRUE(buffer.append(std::string(1'000'000, 'x')));
  buffer.consume(1'000'000);
  EXPECT_EQ(buffer.allocated_bytes(), 0u);
  ASSERT_TRUE(buffer.append(std::string_view{"kept"}));
  buffer.release();
  EXPECT_EQ(buffer.text(), "kept");
}

TEST(bytes, a_lowered_limit_keeps_what_is_there_and_refuses_more) {
  ByteBuffer buffer{10};
  ASSERT_TRUE(buffer.append(std::string_view{"12345678"}));
  EXPECT_FALSE(buffer.append(std::string_view{"901"}));
  EXPECT_EQ(buffer.text(), "12345678");
  buffer.set_limit(4);
  EXPECT_EQ(buffer.room(), 0u);
  EXPECT_FALSE(buffer.append(std::string_view{"9"}));
  EXPECT_TRUE(buffer.prepare(1).empty());
  buffer.consume(6);
  EXPECT_TRUE(buffer.append(std::string_view{"90"}));
  EXPECT_EQ(buffer.text(), "7890");
}

TEST(bytes_death_test, consuming_or_committing_too_much_is_a_bug) {
  ByteBuffer buffer;
  ASSERT_TRUE(buffer.append(std::string_view{"12"}));
  EXPECT_DEATH(buffer.consume(3), "only bytes that are there can be consumed");
  EXPECT_DEATH(buffer.commit(1000), "only what was prepared can be committed");
}

}  // namespace
}  // namespace troupe
