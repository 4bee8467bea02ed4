// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>

#include <troupe/pid.hpp>

namespace troupe::detail {

// A pid as the brief of a ConcurrentMap's values: without its node, which whoever asks must know.
struct PidBrief {
  static std::uint64_t of(const Pid& pid) noexcept {
    return std::uint64_t{pid.generation()} << 32 | pid.index();
  }
  // Of values that have a pid.
  template <class Entry>
  static std::uint64_t of(const Entry& entry) noexcept {
    return of(entry.pid);
  }
  // The null pid's brief is 0, and no other's.
  static Pid pid(std::uint32_t node, std::uint64_t brief) noexcept {
    if (brief == 0) return Pid{};
    return Pid{node, static_cast<std::uint32_t>(brief), static_cast<std::uint32_t>(brief >> 32)};
  }
};

}  // namespace troupe::detail
