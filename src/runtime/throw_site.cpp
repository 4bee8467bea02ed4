// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/throw_site.hpp"

#include <algorithm>
#include <cstring>

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

// In both C++ libraries there are, an exception_ptr is the address of the exception object.
const void* object_of(const std::exception_ptr& exception) noexcept {
  static_assert(sizeof exception == sizeof(void*));
  const void* object;
  std::memcpy(&object, &exception, sizeof object);
  return object;
}

}  // namespace

[[gnu::noinline]] void record_throw(const void* exception) noexcept {
  if (!context.stack_base) return;
  ThrowSite& site = next_site(exception);
  // The first frame is the hook.
  void* frames[max_depth + 1];
  const std::size_t depth = capture_stack(frames, context.stack_base);
  site.depth = depth > 0 ? depth - 1 : 0;
  std::copy_n(frames + 1, site.depth, site.frames);
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
