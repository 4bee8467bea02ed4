// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 10.
#pragma once

#include <string>

#include <troupe/registry.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;

namespace exercises {

struct Ring {};

// A doorbell for each flat, by its number. Rings the bell, or says that nobody lives there.
inline Async<> live_in(Process& self, int flat, Pid tell) {
  (void)co_await Registry::register_key(self, "flats", flat);
  send(tell, true);
  co_await self.receive<Ring>();
  send(tell, "flat " + std::to_string(flat) + " hears the bell");
}
inline bool ring(int flat) {
  const Pid who = Registry::whereis("flats", flat);
  if (who) send(who, Ring{});
  return static_cast<bool>(who);
}

}  // namespace exercises
