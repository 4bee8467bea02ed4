// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/pool.hpp"

#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/sanitizer.hpp"
#include "runtime/mailbox.hpp"

namespace troupe::detail {
namespace {

constexpr bool pool_is_on = !TROUPE_ADDRESS_SANITIZER;

TEST(PoolTest, blocks_of_every_size_are_apart_and_aligned) {
  std::vector<std::pair<unsigned char*, std::size_t>> blocks;
  for (std::size_t size = 1; size <= 700; size += 7) {
    for (int i = 0; i < 20; ++i) {
      auto* block = static_cast<unsigned char*>(allocate(size));
      EXPECT_TRUE(Inbox::fits(block));
      std::memset(block, static_cast<int>(blocks.size() % 251), size);
      blocks.emplace_back(block, size);
    }
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto [block, size] = blocks[i];
    for (std::size_t at = 0; at < size; ++at) ASSERT_EQ(block[at], i % 251);
    deallocate(block, size);
  }
}

TEST(PoolTest, a_block_is_used_again) {
  if (!pool_is_on) GTEST_SKIP() << "AddressSanitizer keeps freed memory apart";
  void* first = allocate(100);
  deallocate(first, 100);
  void* second = allocate(100);
  EXPECT_EQ(second, first);
  deallocate(second, 100);
}

// More than a class gets in small chunks.
TEST(PoolTest, a_burst_of_megabytes_stands_apart_and_is_used_again) {
  if (!pool_is_on) GTEST_SKIP() << "AddressSanitizer keeps freed memory apart";
  constexpr std::size_t count = 40'000;
  std::vector<std::size_t*> blocks(count);
  std::unordered_set<void*> addresses;
  for (std::size_t i = 0; i < count; ++i) {
    blocks[i] = static_cast<std::size_t*>(allocate(160));
    EXPECT_TRUE(Inbox::fits(blocks[i]));
    for (std::size_t k = 0; k < 20; ++k) blocks[i][k] = i;
    addresses.insert(blocks[i]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < 20; ++k) ASSERT_EQ(blocks[i][k], i);
    deallocate(blocks[i], 160);
  }
  for (std::size_t*& block : blocks) {
    block = static_cast<std::size_t*>(allocate(160));
    EXPECT_TRUE(addresses.contains(block));
  }
  for (std::size_t* block : blocks) deallocate(block, 160);
}

// One thread allocates, another frees, for ever: the memory must go round.
TEST(PoolTest, memory_freed_by_another_thread_comes_back) {
  if (!pool_is_on) GTEST_SKIP() << "AddressSanitizer keeps freed memory apart";
  std::unordered_set<void*> addresses;
  for (int round = 0; round < 200; ++round) {
    std::vector<void*> blocks;
    for (int i = 0; i < 1000; ++i) {
      blocks.push_back(allocate(208));
      addresses.insert(blocks.back());
    }
    std::thread{[&] {
      for (void* block : blocks) deallocate(block, 208);
    }}.join();
  }
  EXPECT_LT(addresses.size(), 3'000u);
}

// A program that starts a thread for each request must not lose what each of them had in hand.
TEST(PoolTest, a_thread_that_ends_gives_back_all_it_kept) {
  if (!pool_is_on) GTEST_SKIP() << "AddressSanitizer keeps freed memory apart";
  std::unordered_set<void*> addresses;
  for (int round = 0; round < 500; ++round) {
    std::thread{[&] {
      void* block = allocate(240);
      addresses.insert(block);
      deallocate(block, 240);
    }}.join();
  }
  EXPECT_LE(addresses.size(), 128u);
}

}  // namespace
}  // namespace troupe::detail
