// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The verbs of troupe/timer.hpp. A timer runs on the wheel of the worker that set it.
#include <algorithm>

#include <troupe/detail/calling_process.hpp>
#include <troupe/detail/owned_envelope.hpp>
#include <troupe/detail/send_or_drop.hpp>
#include <troupe/timer.hpp>

#include "runtime/runtime_state.hpp"

namespace troupe {

namespace detail {

namespace {

TimerRef start(std::uint32_t node, Duration delay, TimerTask task) {
  RuntimeState* runtime = runtime_of(node);
  // Destructors of an ending process set nothing.
  const bool is_ending = context.process && context.process->ending;
  if (!runtime || is_ending) {
    free_envelope(task.message);
    return TimerRef{};
  }
  if (delay < Duration::zero()) {
    free_envelope(task.message);
    throw ErrorException{atoms::badarg};
  }
  const std::int64_t now = runtime->executor->now_ns();
  const std::int64_t deadline = delay.count() > INT64_MAX - now ? INT64_MAX : now + delay.count();
  return runtime->executor->start_timer(node, deadline, std::move(task));
}

}  // namespace

Duration time_until(std::uint32_t node, Duration moment) {
  const RuntimeState* runtime = node == 0 ? context.runtime : runtime_of(node);
  if (!runtime) return Duration::zero();
  return std::max(Duration::zero(), moment - Duration{runtime->executor->now_ns()});
}

TimerRef start_timer(Pid to, Duration delay, Envelope* envelope) {
  return start(to.node(), delay, TimerTask{.to = to, .message = envelope});
}

TimerRef start_timer(Atom to, Duration delay, Envelope* envelope) {
  OwnedEnvelope message{envelope};
  const std::uint32_t node = calling_process().pid().node();
  return start(node, delay,
               TimerTask{.to = Pid{node, 0, 0}, .name = to, .message = message.release()});
}

TimerRef start_stamped_timer(Pid to, Duration delay, Envelope* envelope) {
  return start(to.node(), delay, TimerTask{.to = to, .message = envelope, .stamped = true});
}

}  // namespace detail

std::optional<Duration> cancel_timer(TimerRef timer) {
  detail::RuntimeState* runtime = detail::runtime_of(timer.node());
  return runtime ? runtime->executor->cancel_timer(timer) : std::nullopt;
}

std::optional<Duration> read_timer(TimerRef timer) {
  detail::RuntimeState* runtime = detail::runtime_of(timer.node());
  return runtime ? runtime->executor->read_timer(timer) : std::nullopt;
}

namespace {

// As a timer would: dropped where the mailbox is full.
template <class M>
void tell_caller(M message) {
  detail::send_or_drop(detail::calling_process().pid(), std::move(message));
}

}  // namespace

void cancel_timer_async(TimerRef timer, TimerReport report) {
  const std::optional<Duration> left = cancel_timer(timer);
  if (report == TimerReport::yes) tell_caller(TimerCancelled{timer, left});
}

void read_timer_async(TimerRef timer) { tell_caller(TimerRead{timer, read_timer(timer)}); }

}  // namespace troupe
