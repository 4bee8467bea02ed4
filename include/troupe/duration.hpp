// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <chrono>

namespace troupe {

// Lengths of time. Timers count whole milliseconds and never fire early, so a finer duration is
// rounded up where it meets a timer.
using Duration = std::chrono::nanoseconds;

// No timeout at all.
inline constexpr Duration infinity = Duration::max();

}  // namespace troupe
