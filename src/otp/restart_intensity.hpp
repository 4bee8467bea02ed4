// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe {

// Counts restarts within a sliding window, exactly as OTP does: times are whole seconds of the
// monotonic clock, rounded down, and two that are the period apart both count, so that the window
// is really between one period and a second more. Each restart is pushed once and dropped once.
class RestartIntensity {
 public:
  RestartIntensity(unsigned max_restarts, std::chrono::seconds period) noexcept
      : max_restarts_{max_restarts}, period_{period.count()} {}

  // Counts one more; false: it is one too many.
  bool allows(std::int64_t monotonic_ns) {
    const std::int64_t now = monotonic_ns / 1'000'000'000;
    while (first_ < times_.size() && times_[first_] < now - period_) ++first_;
    // Half of it is past: move the rest down, so that the vector stays as long as the window needs.
    if (first_ > times_.size() / 2) {
      times_.erase(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    times_.push_back(now);
    return times_.size() - first_ <= max_restarts_;
  }

  std::uint64_t max_restarts() const noexcept { return max_restarts_; }
  std::int64_t period_s() const noexcept { return period_; }

 private:
  std::uint64_t max_restarts_;
  std::int64_t period_;
  std::vector<std::int64_t> times_;  // oldest first; those before first_ are out of the window
  std::size_t first_ = 0;
};

}  // namespace troupe
