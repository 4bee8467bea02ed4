// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/memory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <vector>

#include <troupe/expect_allocations.hpp>

#include "base/sanitizer.hpp"

namespace troupe {
namespace {

TEST(memory_test, a_large_page_is_aligned_and_reads_as_zeros) {
  if (!large_pages_pay()) GTEST_SKIP() << "large pages are slow here at the moment";
  auto* page = static_cast<unsigned char*>(take_large_page());
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(page) % large_page_bytes, 0u);
  for (std::size_t i = 0; i < large_page_bytes; i += 512) ASSERT_EQ(page[i], 0);
  std::memset(page, 7, large_page_bytes);
  release_memory(page, large_page_bytes);
}

TEST(memory_test, a_large_page_of_a_range_begins_as_zeros_whichever_pages_it_has) {
  constexpr std::size_t bytes = 4 * large_page_bytes;
  auto* range = static_cast<unsigned char*>(reserve_memory(bytes));
  ASSERT_NE(range, nullptr);
  prefer_large_pages(range, bytes);
  const auto address = reinterpret_cast<std::uintptr_t>(range);
  unsigned char* page = range + (large_page_bytes - address % large_page_bytes) % large_page_bytes;
  for (int i = 0; i < 3; ++i, page += large_page_bytes) {
    begin_large_page(page);
    for (std::size_t at = 0; at < large_page_bytes; at += 512) ASSERT_EQ(page[at], 0);
    std::memset(page, 7, large_page_bytes);
  }
  release_memory(range, bytes);
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

std::size_t resident_pages(void* range, std::size_t pages) {
  std::vector<unsigned char> there(pages);
  EXPECT_EQ(::mincore(range, pages * 4096, there.data()), 0);
  return static_cast<std::size_t>(
      std::ranges::count_if(there, [](unsigned char page) { return (page & 1) != 0; }));
}

TEST(memory_test, the_whole_pages_of_a_range_can_come_at_once) {
  auto* range = static_cast<unsigned char*>(reserve_memory(16 * 4096));
  ASSERT_NE(range, nullptr);
  if (::madvise(range + 15 * 4096, 4096, MADV_POPULATE_WRITE) != 0) {
    GTEST_SKIP() << "this kernel does not offer it";
  }
  EXPECT_EQ(resident_pages(range, 16), 1u);
  fault_in(range + 1, 4095);
  fault_in(range + 1, 100);
  EXPECT_EQ(resident_pages(range, 16), 1u) << "no whole page in it";
  fault_in(range + 100, 5 * 4096);
  EXPECT_EQ(resident_pages(range, 1), 0u);
  EXPECT_EQ(resident_pages(range + 4096, 4), 4u);
  EXPECT_EQ(resident_pages(range, 16), 5u);
  release_memory(range, 16 * 4096);
}

#ifdef __GLIBC__
// So many bytes of malloc's heaps are writable, as the kernel counts them.
std::size_t writable_kib() {
  std::ifstream status{"/proc/self/status"};
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmData:")) return std::stoul(line.substr(7));
  }
  return 0;
}

TEST(memory_test, what_a_thread_expects_is_there_before_it_is_allocated) {
  if (TROUPE_ADDRESS_SANITIZER || TROUPE_THREAD_SANITIZER) {
    GTEST_SKIP() << "malloc is the sanitizer's";
  }
  std::thread{[] {
    std::free(std::malloc(100));  // its heap
    const std::size_t before = writable_kib();
    expect_allocations(1'000'000);
    const std::size_t expected = writable_kib();
    EXPECT_GE(expected, before + 1'000'000 / 1024);
    std::vector<std::unique_ptr<char[]>> blocks;
    for (int i = 0; i < 9'000; ++i) {
      blocks.push_back(std::make_unique_for_overwrite<char[]>(100));
    }
    EXPECT_EQ(writable_kib(), expected);
    // The second time there is room.
    expect_allocations(1'000'000);
    EXPECT_EQ(writable_kib(), expected);
  }}.join();
}
#endif

}  // namespace
}  // namespace troupe
