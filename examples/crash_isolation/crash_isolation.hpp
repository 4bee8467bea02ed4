// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Two processes that share nothing: one crashes, the other does not notice. The course looks at the
// second right after it has asked the first to crash, when nothing has happened yet; here the end
// of the first is waited for, and then the second has to answer.
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
