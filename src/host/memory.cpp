// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/memory.hpp"

#include <cstdint>
#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>

namespace troupe {

namespace {

// Up to the next address that large pages can begin at.
std::size_t unaligned_bytes(const void* range) noexcept {
  return (large_page_bytes - reinterpret_cast<std::uintptr_t>(range) % large_page_bytes) %
         large_page_bytes;
}

}  // namespace

void* reserve_memory(std::size_t bytes) noexcept {
  void* range = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return range == MAP_FAILED ? nullptr : range;
}

void prefer_large_pages(void* range, std::size_t bytes) noexcept {
#ifdef MADV_HUGEPAGE
  madvise(range, bytes, MADV_HUGEPAGE);
#else
  (void)range;
  (void)bytes;
#endif
}

void* reserve_large_page() noexcept {
  constexpr std::size_t room = 2 * large_page_bytes;
  auto* range = static_cast<std::byte*>(reserve_memory(room));
  if (!range) return nullptr;
  const std::size_t before = unaligned_bytes(range);
  std::byte* page = range + before;
  if (before > 0) munmap(range, before);
  munmap(page + large_page_bytes, room - before - large_page_bytes);
  prefer_large_pages(page, large_page_bytes);
  return page;
}

void release_memory(void* range, std::size_t bytes) noexcept { munmap(range, bytes); }

void discard_memory(void* range, std::size_t bytes) noexcept {
  madvise(range, bytes, MADV_DONTNEED);
}

void keep_freed_memory() noexcept {
#ifdef __GLIBC__
  if (std::getenv("MALLOC_TRIM_THRESHOLD_") || std::getenv("GLIBC_TUNABLES")) return;
  mallopt(M_TRIM_THRESHOLD, static_cast<int>(malloc_keeps_bytes));
  // Setting the one ends the adjustment of the other, which would have come to this.
  mallopt(M_MMAP_THRESHOLD, static_cast<int>(malloc_keeps_bytes) / 4);
#endif
}

}  // namespace troupe
