// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include <troupe/runtime.hpp>
#include <troupe/timer.hpp>

#include "conformance/support.hpp"

// Stand-ins for declarations that the library does not have yet.
namespace troupe::conformance {

struct NameAt {
  Name name;
  std::string node;
};
template <Message M>
void send(const NameAt& to, M message) {
  if (const Pid pid = whereis(to.name.atom)) troupe::send(pid, std::move(message));
}

template <Message M>
TimerRef send_at(Pid to, Duration when, M message) {
  const Duration now = detail::current_process()->monotonic_time();
  return send_after(to, std::max(Duration{0}, when - now), std::move(message));
}

struct TimerCancelled {
  TimerRef timer;
  std::optional<Duration> left;
};
enum class Report : bool { no, yes };
inline void cancel_timer_async(TimerRef timer, Report report = Report::yes) {
  const auto left = cancel_timer(timer);
  if (report == Report::yes) {
    troupe::send(detail::current_process()->pid(), TimerCancelled{timer, left});
  }
}

}  // namespace troupe::conformance
