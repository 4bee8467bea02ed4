// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>

#include <troupe/process.hpp>

namespace troupe::net {

// The moment up to which a call may wait. Its attempts may be many, so the time is counted from the
// first wait on, and the clock is not read before.
class Deadline {
 public:
  explicit Deadline(Duration timeout) noexcept : timeout_{timeout} {}

  Duration left(Process& self) {
    if (timeout_ == infinity) return infinity;
    const Duration now = self.monotonic_time();
    if (!at_) at_ = timeout_ > infinity - now ? infinity : now + timeout_;
    return *at_ > now ? *at_ - now : Duration::zero();
  }

 private:
  Duration timeout_;
  std::optional<Duration> at_;
};

}  // namespace troupe::net
