// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// For std::chrono's durations, clocks and suffixes: its timed locks need them, everywhere. <chrono>
// itself brings calendars, and for their printing streams and locales, which every program would
// pay for (clang 19, libstdc++ 12: 0.16 s, and <mutex> 0.04 s).
#include <mutex>

namespace troupe {

// Lengths of time. Timers count whole milliseconds and never fire early, so a finer duration is
// rounded up where it meets a timer.
using Duration = std::chrono::nanoseconds;

// No timeout at all.
inline constexpr Duration infinity = Duration::max();

}  // namespace troupe
