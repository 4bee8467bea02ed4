// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/throw_site.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "host/stack_trace.hpp"
#include "runtime/runtime_state.hpp"

namespace troupe::detail {

namespace {

constexpr std::size_t max_depth = 32;
constexpr std::size_t remembered = 8;

struct ThrowSite {
  const void* exception = nullptr;
  std::size_t depth = 0;
  void* frames[max_depth] = {};
};

struct ThrowSites {
  ThrowSite last[remembered];
  std::size_t next = 0;
};

constinit thread_local ThrowSites sites;

ThrowSite& next_site(const void* exception) noexcept {
  // The object of an earlier exception may have had the same address. Its place is not taken over,
  // because it may be the next to be given away.
  for (ThrowSite& site : sites.last) {
    if (site.exception == exception) site.exception = nullptr;
  }
  ThrowSite& site = sites.last[sites.next];
  sites.next = (sites.next + 1) % remembered;
  site.exception = exception;
  return site;
}

// The unwinder's walk from a throw up to where the process began, and where it found what it found.
// What crashes once crashes often, and by the same way: if every return address still stands in its
// place, and the stack is as high as it was, the frames are the same, and the walk need not be made
// again. (Each address and its place determine the place of the next, except in a function that
// takes stack as it goes, alloca; and there the rest must still fit.) So recording a throw takes
// 200 instructions instead of 15,000, which was a third of a crash.
struct Walk {
  std::ptrdiff_t height = 0;  // of the stack; 0: no walk
  std::size_t depth = 0;
  void* frames[max_depth + 1];
  std::uint32_t places[max_depth + 1];  // of the return addresses, in bytes above the hook's frame

  [[gnu::no_sanitize_address]] bool is_this_one(const std::byte* here,
                                                const std::byte* base) const noexcept {
    if (height != base - here) return false;
    for (std::size_t i = 0; i < depth; ++i) {
      const void* address;
      std::memcpy(&address, here + places[i], sizeof address);
      // As capture_stack has it: one less, so that it lies within the call.
      if (static_cast<const std::byte*>(address) - 1 != frames[i]) return false;
    }
    return true;
  }

  [[gnu::always_inline]] void make(const std::byte* here, const std::byte* base) noexcept {
    void* const* slots[max_depth + 1];
    depth = capture_stack(frames, base, slots);
    height = base - here;
    for (std::size_t i = 0; i < depth; ++i) {
      const auto* place = reinterpret_cast<const std::byte*>(slots[i]);
      if (place < here || place > base) {
        height = 0;  // not to be had again
        return;
      }
      places[i] = static_cast<std::uint32_t>(place - here);
    }
  }
};

constinit thread_local Walk walks[4]{};

Walk& walk_of(std::uint64_t height) noexcept { return walks[height / 16 % std::size(walks)]; }

// In both C++ libraries there are, an exception_ptr is the address of the exception object.
const void* object_of(const std::exception_ptr& exception) noexcept {
  static_assert(sizeof exception == sizeof(void*));
  const void* object;
  // NOLINTNEXTLINE(bugprone-undefined-memory-manipulation)
  std::memcpy(&object, &exception, sizeof object);
  return object;
}

}  // namespace

[[gnu::noinline]] void record_throw(const void* exception) noexcept {
  if (!context.stack_base) return;
  const auto* here = static_cast<const std::byte*>(__builtin_frame_address(0));
  const auto* base = static_cast<const std::byte*>(context.stack_base);
  Walk& walk = walk_of(static_cast<std::uint64_t>(base - here));
  if (!walk.is_this_one(here, base)) walk.make(here, base);
  ThrowSite& site = next_site(exception);
  // The first frame is the hook.
  site.depth = walk.depth > 0 ? walk.depth - 1 : 0;
  std::copy_n(walk.frames + 1, site.depth, site.frames);
}

std::span<void* const> throw_site_of(const std::exception_ptr& exception) noexcept {
  const void* object = object_of(exception);
  for (const ThrowSite& site : sites.last) {
    if (object && site.exception == object) return {site.frames, site.depth};
  }
  return {};
}

void carry_throw_site(const std::exception_ptr& exception, std::span<void* const> frames) noexcept {
  if (frames.empty()) return;
  ThrowSite& site = next_site(object_of(exception));
  site.depth = std::min(frames.size(), max_depth);
  std::copy_n(frames.begin(), site.depth, site.frames);
}

}  // namespace troupe::detail
