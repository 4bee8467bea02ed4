// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <optional>

#include <troupe/process.hpp>

namespace troupe {

// Names a timer that was started: a small value that keeps nothing alive. Wheel, slot and which of
// the slot's tenants, so that a stale one is recognised.
class TimerRef {
 public:
  constexpr TimerRef() noexcept = default;
  constexpr TimerRef(std::uint32_t node, std::uint32_t wheel, std::uint32_t slot,
                     std::uint32_t generation) noexcept
      : node_{node}, wheel_{wheel}, slot_{slot}, generation_{generation} {}
  constexpr std::uint32_t node() const noexcept { return node_; }
  constexpr std::uint32_t wheel() const noexcept { return wheel_; }
  constexpr std::uint32_t slot() const noexcept { return slot_; }
  constexpr std::uint32_t generation() const noexcept { return generation_; }
  explicit constexpr operator bool() const noexcept { return node_ != 0; }
  friend constexpr bool operator==(const TimerRef&, const TimerRef&) = default;

 private:
  std::uint32_t node_ = 0;
  std::uint32_t wheel_ = 0;
  std::uint32_t slot_ = 0;
  std::uint32_t generation_ = 0;
};

template <>
inline constexpr bool enable_message<TimerRef> = true;

// What start_timer delivers, so that a late message of a cancelled timer can be told from a fresh
// one. OTP: {timeout, Ref, Msg}.
template <class M>
struct TimerFired {
  TimerRef timer;
  M message;
};

namespace detail {
TimerRef start_timer(Pid to, Duration delay, Envelope* envelope);
TimerRef start_timer(Atom to, Duration delay, Envelope* envelope);
// From now, on the clock of that node (0: the caller's); zero for what has passed.
Duration time_until(std::uint32_t node, Duration moment);
// Writes the timer's reference into the message, which begins with one, before it can fire.
TimerRef start_stamped_timer(Pid to, Duration delay, Envelope* envelope);
}  // namespace detail

// Sends `message` to `to` once `delay` has passed, never earlier. Independent of the process that
// started it; vanishes with the destination. Of equal deadlines, the one set first fires first.
// Throws ErrorException{badarg} if the delay is negative.
template <Message M>
TimerRef send_after(Pid to, Duration delay, M message) {
  return detail::start_timer(to, delay, detail::make_envelope<M>(std::move(message)));
}
// The name is resolved when the timer fires; if nobody has it then, the message goes nowhere.
template <Message M>
TimerRef send_after(Name to, Duration delay, M message) {
  return detail::start_timer(to.atom, delay, detail::make_envelope<M>(std::move(message)));
}

// As send_after; the message arrives as TimerFired<M> with the timer's reference.
template <Message M>
TimerRef start_timer(Pid to, Duration delay, M message) {
  return detail::start_stamped_timer(
      to, delay, detail::make_envelope<TimerFired<M>>(TimerRef{}, std::move(message)));
}

// The same at a moment of the node's clock, Process::monotonic_time; at once if it has passed. OTP:
// the option {abs, true}.
template <Message M>
TimerRef send_at(Pid to, Duration moment, M message) {
  return send_after(to, detail::time_until(to.node(), moment), std::move(message));
}
template <Message M>
TimerRef send_at(Name to, Duration moment, M message) {
  return send_after(to, detail::time_until(0, moment), std::move(message));
}
template <Message M>
TimerRef start_timer_at(Pid to, Duration moment, M message) {
  return start_timer(to, detail::time_until(to.node(), moment), std::move(message));
}

// The time that was left, or nothing if it has fired, was cancelled, or never was. A message that
// is already in the mailbox stays there.
std::optional<Duration> cancel_timer(TimerRef timer);
// The time that is left; nothing as above.
std::optional<Duration> read_timer(TimerRef timer);

// What cancel_timer_async and read_timer_async tell: what the plain functions return.
struct TimerCancelled {
  TimerRef timer;
  std::optional<Duration> left;
};
struct TimerRead {
  TimerRef timer;
  std::optional<Duration> left;
};
enum class TimerReport : bool { no, yes };
// Cancels, and tells the caller by a message. Neither form waits for anybody here; this one is for
// programs that have their answers in the mailbox. OTP: the options {async, true} and {info, _}.
void cancel_timer_async(TimerRef timer, TimerReport report = TimerReport::yes);
void read_timer_async(TimerRef timer);

}  // namespace troupe
