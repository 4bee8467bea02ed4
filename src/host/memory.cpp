// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/memory.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>

#include <troupe/expect_allocations.hpp>

#include "base/sanitizer.hpp"
#include "host/page_costs.hpp"

namespace troupe {

namespace {

constexpr std::size_t small_page_bytes = 4096;

// Up to the next address that a page of that size can begin at.
std::size_t unaligned_bytes(const void* range, std::size_t page) noexcept {
  return (page - reinterpret_cast<std::uintptr_t>(range) % page) % page;
}

// The small pages that lie in a range with all they have.
std::span<std::byte> whole_pages(void* range, std::size_t bytes) noexcept {
  const std::size_t before = std::min(unaligned_bytes(range, small_page_bytes), bytes);
  return {static_cast<std::byte*>(range) + before,
          (bytes - before) / small_page_bytes * small_page_bytes};
}

constinit PageCosts page_costs;

std::int64_t now_ns() noexcept {
  return std::chrono::nanoseconds{std::chrono::steady_clock::now().time_since_epoch()}.count();
}

void touch_large_page(void* page) noexcept {
  const std::int64_t begin = now_ns();
  *static_cast<volatile std::byte*>(page) = std::byte{0};
  page_costs.note_large(now_ns() - begin);
}

std::byte* reserve_large_page() noexcept {
  constexpr std::size_t room = 2 * large_page_bytes;
  auto* range = static_cast<std::byte*>(reserve_memory(room));
  if (!range) return nullptr;
  const std::size_t before = unaligned_bytes(range, large_page_bytes);
  std::byte* page = range + before;
  if (before > 0) munmap(range, before);
  munmap(page + large_page_bytes, room - before - large_page_bytes);
  prefer_large_pages(page, large_page_bytes);
  return page;
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

bool large_pages_pay() noexcept { return page_costs.prefers_large(); }

void* take_large_page() noexcept {
  if (!large_pages_pay()) return nullptr;
  std::byte* page = reserve_large_page();
  if (page) touch_large_page(page);
  return page;
}

void begin_large_page(void* page) noexcept {
  if (large_pages_pay()) {
    prefer_large_pages(page, large_page_bytes);  // it may have been left to small ones before
    return touch_large_page(page);
  }
#ifdef MADV_NOHUGEPAGE
  madvise(page, large_page_bytes, MADV_NOHUGEPAGE);
#endif
  page_costs.note_small(large_page_bytes);
}

void fault_in(void* range, std::size_t bytes) noexcept {
  const std::span pages = whole_pages(range, bytes);
#ifdef MADV_POPULATE_WRITE
  const std::int64_t begin = now_ns();
  if (madvise(pages.data(), pages.size(), MADV_POPULATE_WRITE) == 0) {
    return page_costs.note_small(pages.size(), now_ns() - begin);
  }
#endif
  page_costs.note_small(pages.size());
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
  mallopt(M_MMAP_THRESHOLD, static_cast<int>(malloc_maps_bytes));
#endif
}

#if defined(__GLIBC__) && !TROUPE_ADDRESS_SANITIZER && !TROUPE_THREAD_SANITIZER

namespace {

// Small pages that are in use become large ones as well, if the whole range lies in one advised
// piece. Needs Linux 6.1; elsewhere it does nothing.
void collapse_small_pages(void* range, std::size_t bytes) noexcept {
  constexpr int collapse = 25;  // MADV_COLLAPSE, which the library's headers do not have yet
  madvise(range, bytes, collapse);
}

}  // namespace

// A block that is freed at the end of a heap stays there (keep_freed_memory), writable and advised,
// and small blocks are cut from it next. Malloc has written behind it before the advice, and so
// the large page there began as small ones: the next step mends that. The block must be smaller
// than those that are mapped one by one.
//
// Large pages even where they are slow (see host/page_costs.hpp): with small ones then, a million
// sessions were loaded after a kill in 0.83 s instead of 0.65, and nothing else waits at that time.
void expect_allocations(std::size_t bytes) noexcept {
  constexpr std::size_t step = malloc_maps_bytes - small_page_bytes;
  thread_local constinit std::size_t left = 0;
  if (bytes <= left) {
    left -= bytes;
    return;
  }
  left = step - std::min(bytes, step);
  static const bool keeps = (keep_freed_memory(), true);  // this may come before the first runtime
  void* const block = keeps ? std::malloc(step) : nullptr;
  if (!block) return;
  const std::span pages = whole_pages(block, step);
  prefer_large_pages(pages.data(), pages.size());
  collapse_small_pages(pages.data(), pages.size());
  std::free(block);
}

#else

void expect_allocations(std::size_t) noexcept {}

#endif

}  // namespace troupe
