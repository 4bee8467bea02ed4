// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/memory.hpp"

#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>

namespace troupe {
namespace {

TEST(memory_test, a_large_page_is_aligned_and_reads_as_zeros) {
  auto* page = static_cast<unsigned char*>(reserve_large_page());
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(page) % large_page_bytes, 0u);
  for (std::size_t i = 0; i < large_page_bytes; i += 512) ASSERT_EQ(page[i], 0);
  std::memset(page, 7, large_page_bytes);
  release_memory(page, large_page_bytes);
}

TEST(memory_test, what_was_discarded_reads_as_zeros) {
  constexpr std::size_t bytes = 4 * large_page_bytes;
  auto* range = static_cast<unsigned char*>(reserve_memory(bytes));
  ASSERT_NE(range, nullptr);
  prefer_large_pages(range + large_page_bytes, bytes - large_page_bytes);
  std::memset(range, 7, bytes);
  discard_memory(range, bytes);
  for (std::size_t i = 0; i < bytes; i += 512) ASSERT_EQ(range[i], 0);
  release_memory(range, bytes);
}

}  // namespace
}  // namespace troupe
