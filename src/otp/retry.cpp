// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>

#include <troupe/retry.hpp>

namespace troupe {

Duration RetryDelays::next(std::uint64_t random) noexcept {
  const Duration delay = std::clamp(delay_, Duration::zero(), options_.max_delay);
  // In doubles, so that no growth can overflow the count of nanoseconds.
  const double grown = static_cast<double>(delay.count()) * std::max(options_.growth, 1.0);
  delay_ = grown >= static_cast<double>(options_.max_delay.count())
               ? options_.max_delay
               : Duration{static_cast<Duration::rep>(grown)};
  const double lot = static_cast<double>(random >> 11) * 0x1p-53;
  const double part = std::clamp(options_.jitter, 0.0, 1.0) * lot;
  return delay - Duration{static_cast<Duration::rep>(static_cast<double>(delay.count()) * part)};
}

}  // namespace troupe
