// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/interval.hpp>

namespace troupe::detail {

void check_period(Duration period) {
  if (period < std::chrono::milliseconds{1}) {
    throw ErrorException{tuple({atoms::badarg, Term{Atom{"period_below_a_millisecond"}}})};
  }
}

Duration next_tick(Duration from, Duration period, Duration now) noexcept {
  if (period >= infinity - from) return infinity;
  const Duration next = from + period;
  return next > now ? next : next + ((now - next) / period + 1) * period;
}

}  // namespace troupe::detail
