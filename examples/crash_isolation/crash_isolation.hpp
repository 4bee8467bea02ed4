// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Two processes that share nothing: one crashes, the other does not notice.
#pragma once

#include <stdexcept>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace crash_isolation {

struct Crash {};
struct Ping {
  Pid from;
};
struct Pong {};

inline Async<> steady(Process& self) {
  for (;;) {
    const Ping ping = co_await self.receive<Ping>();
    send(ping.from, Pong{});
  }
}

inline Async<> fragile(Process& self) {
  co_await self.receive<Crash>();
  throw std::runtime_error("Intentional crash!");
}

}  // namespace crash_isolation
