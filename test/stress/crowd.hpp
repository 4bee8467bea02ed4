// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <troupe/process.hpp>

namespace troupe::stress {

// What the members of the crowd have done and seen.
struct Counts {
  std::uint64_t ends = 0;  // of members
  std::uint64_t links = 0;
  std::uint64_t unlinks = 0;
  std::uint64_t monitors = 0;
  std::uint64_t demonitors = 0;
  std::uint64_t exits_sent = 0;
  std::uint64_t exits_trapped = 0;
  std::uint64_t downs = 0;
  std::uint64_t messages = 0;
  std::uint64_t timers = 0;
  std::uint64_t names = 0;
};

struct Outcome {
  Counts counts;
  std::uint64_t violations = 0;
  std::string first_violation;
};

// Keeps `size` processes alive for this long, which do their best to end each other, replaces those
// that end, and ends them all.
//
// What has to hold, whatever the timing, is checked all along: a member's end is reported exactly
// once, after it is dead; a monitor reports at most once, and never after it was taken back; the
// dead have no names.
Async<Outcome> run_crowd(Process& self, std::size_t size, Duration time);

}  // namespace troupe::stress
