// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A link: when one of two linked processes fails, so does the other, unless it traps exits and
// takes the news as a message. In the course the one who would show it is the one who dies; here a
// third watches, and `linked` says "never reached" only if the link did nothing.
#pragma once

#include <stdexcept>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace linked_worker {

inline Async<> failing(Process& self) {
  co_await self.sleep(10ms);
  throw std::runtime_error("Linked process failed!");
}

// Goes down with its worker.
inline Async<> linked(Process& self, Pid tell) {
  spawn_link(failing);
  co_await self.sleep(1h);
  send(tell, "never reached");
}

// Survives its worker and says what it died of.
inline Async<> trapping(Process& self, Pid tell) {
  self.trap_exits();
  spawn_link(failing);
  const Exit exit = co_await self.receive<Exit>();
  send(tell, exit.reason.exception()->text);
}

}  // namespace linked_worker
