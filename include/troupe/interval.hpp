// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <concepts>
#include <utility>

#include <troupe/detail/calling_process.hpp>
#include <troupe/detail/send_or_drop.hpp>
#include <troupe/spawn.hpp>
#include <troupe/timer.hpp>

namespace troupe {

// Names an interval that was started.
struct IntervalRef {
  Pid pid;
};

namespace detail {

// Throws ErrorException{badarg} unless the period is a millisecond or more.
void check_period(Duration period);
// The first multiple of `period` after `from` that is later than `now`.
Duration next_tick(Duration from, Duration period, Duration now) noexcept;

template <class M>
Async<> run_interval(Process& self, Pid to, Duration begin, Duration period, M message) {
  const Ref watched = self.monitor(to);
  for (Duration at = begin + period;;) {
    const bool has_ended = co_await self.receive(
        when([watched](const Down& down) { return down.ref == watched; },
             [](Down) { return true; }),
        after(std::max(Duration::zero(), at - self.monotonic_time()), [] { return false; }));
    if (has_ended) co_return;
    send_or_drop(to, M(message));  // a full mailbox misses a tick
    at = next_tick(at, period, self.monotonic_time());
  }
}

}  // namespace detail

// Sends a copy of `message` to `to` every `period`, the first after one period, until it is
// cancelled or the receiver ends. OTP: timer:send_interval.
//
//     const IntervalRef ticking = send_interval(self.pid(), 1s, Tick{});
//
// The n-th tick is due n periods after the start: delays do not add up. Ticks that were missed as a
// whole, because the machine was asleep or overloaded, are left out. A receiver that is slower than
// its ticks has them pile up in its mailbox, so a server that works long better sets a timer for
// the next tick when it is done with one (send_after).
//
// Not linked to the caller. Throws ErrorException{badarg} if the period is below a millisecond, or
// {badarg, not_inside_a_process}.
template <Message M>
  requires std::copy_constructible<M>
IntervalRef send_interval(Pid to, Duration period, M message) {
  detail::check_period(period);
  const Duration now = detail::calling_process().monotonic_time();
  return IntervalRef{spawn(&detail::run_interval<M>, to, now, period, std::move(message))};
}

// No tick is sent after this has acted, which is soon; what is in the mailbox stays. One that has
// ended already does no harm.
inline void cancel_interval(IntervalRef interval) { exit(interval.pid, ExitReason{atoms::kill}); }

}  // namespace troupe
