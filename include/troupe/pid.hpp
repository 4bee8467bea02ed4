// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace troupe {

// The address of a process: which node, which slot of that node's process table, and which of the
// slot's tenants. A small value that keeps nothing alive: when the process is gone, the pid stays
// valid as a value, sends to it are dropped, and it never names the slot's next tenant.
//
// The node number finds the runtime inside one program (0 is no node: the null pid). Ordered as
// Erlang orders the pids of one node: by age as far as slots and generations tell.
class Pid {
 public:
  constexpr Pid() noexcept = default;
  constexpr Pid(std::uint32_t node, std::uint32_t index, std::uint32_t generation) noexcept
      : node_{node}, index_{index}, generation_{generation} {}

  constexpr std::uint32_t node() const noexcept { return node_; }
  constexpr std::uint32_t index() const noexcept { return index_; }
  constexpr std::uint32_t generation() const noexcept { return generation_; }

  // False for the null pid only; says nothing about whether the process lives (see is_alive).
  constexpr explicit operator bool() const noexcept { return node_ != 0; }

  friend constexpr bool operator==(const Pid&, const Pid&) noexcept = default;
  friend constexpr auto operator<=>(const Pid&, const Pid&) noexcept = default;

 private:
  std::uint32_t node_ = 0;
  std::uint32_t index_ = 0;
  std::uint32_t generation_ = 0;
};

// A value that is unique on its node for the node's life: what make_ref, monitor, and the calls and
// timers of a process hand out to recognise an answer. OTP: reference().
class Ref {
 public:
  constexpr Ref() noexcept = default;
  constexpr Ref(std::uint32_t node, std::uint64_t id) noexcept : node_{node}, id_{id} {}

  constexpr std::uint32_t node() const noexcept { return node_; }
  constexpr std::uint64_t id() const noexcept { return id_; }

  // False for the null reference only.
  constexpr explicit operator bool() const noexcept { return id_ != 0; }

  friend constexpr bool operator==(const Ref&, const Ref&) noexcept = default;
  friend constexpr auto operator<=>(const Ref&, const Ref&) noexcept = default;

 private:
  std::uint32_t node_ = 0;
  std::uint64_t id_ = 0;
};

}  // namespace troupe
