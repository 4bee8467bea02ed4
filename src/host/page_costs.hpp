// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "host/memory.hpp"

namespace troupe {

// Whether fresh memory is better taken as large pages or as small ones, from what both have cost
// lately.
//
// Mostly a large page costs 0.1 to 0.3 ms, a third of what its 512 small ones would. But the host
// of a virtual machine may have taken back what the machine had freed (a balloon, or free page
// reporting), and then the first touch waits for the host: 5 ms for a large page on two machines,
// and whatever is due on that thread waits with it. What small pages cost at such a time depends:
// 0.5 ms for as many bytes on one of the two, since the kernel cuts them from memory that was in
// use a moment ago, and 9 ms on the other. So as long as large pages are fast nobody asks. Once one
// was slow, small ones are tried, and taken unless they cost half as much again; with another large
// page now and then, to see whether that is over.
//
// On the first of these machines, two quiet cores, medians of runs in turn, seconds apart: a
// million timers, 100 MB, were set at 2.8 M a second, with a 99th percentile of their lateness
// of 6.8 ms, and now at 5.5 M, and 1.6 ms. A million processes were started at 1.4 M a second,
// and 5.1 M now. With the same weight for 12 KiB as for 60 in the average of the small ones, a few
// pages that came late had large ones taken again: 2.7 M timers, and 8 ms.
//
// Any thread; all words are statistics and order nothing.
class PageCosts {
 public:
  static constexpr std::int64_t slow_ns = 1'000'000;  // for a large page
  static constexpr std::uint64_t retry_bytes = std::uint64_t{32} << 20;

  bool prefers_large() const noexcept {
    const std::int64_t large = large_ns_.load(std::memory_order_relaxed);
    if (large < slow_ns || small_bytes_.load(std::memory_order_relaxed) >= retry_bytes) return true;
    const std::int64_t small = small_ns_.load(std::memory_order_relaxed);
    return small != 0 && 2 * small >= 3 * large;  // 0: not known yet
  }

  void note_large(std::int64_t ns) noexcept {
    large_ns_.store(ns, std::memory_order_relaxed);
    small_bytes_.store(0, std::memory_order_relaxed);
  }
  void note_small(std::size_t bytes, std::int64_t ns) noexcept {
    const std::size_t counted = std::min(bytes, large_page_bytes);
    if (counted == 0) return;
    const auto parts = static_cast<std::int64_t>(large_page_bytes / counted);
    const std::int64_t now = ns * parts;
    const std::int64_t before = small_ns_.load(std::memory_order_relaxed);
    // The more bytes the more it counts: a few pages may have been in the way of anything.
    small_ns_.store(before == 0 ? now : before + (now - before) / parts, std::memory_order_relaxed);
    note_small(bytes);
  }
  // That come as they are touched, so that nobody knows what they cost.
  void note_small(std::size_t bytes) noexcept {
    small_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> large_ns_{0};      // the last one
  std::atomic<std::int64_t> small_ns_{0};      // as many bytes as a large page has; 0: not known
  std::atomic<std::uint64_t> small_bytes_{0};  // since the last large page
};

}  // namespace troupe
