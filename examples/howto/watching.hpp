// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What docs/howto/watch-a-running-server.md shows: looking into a server from outside, without a
// line in the server.
#pragma once

#include <cstdio>
#include <string>

#include <troupe/sys.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;

namespace howto {

// Where a process stands and what waits for it.
inline Async<std::string> describe(Process& self, Pid pid) {
  const auto info = co_await process_info(self, pid);
  if (!info) co_return "gone";
  co_return std::string{info->type} + " waits at " + info->waits_at + " with " +
      std::to_string(info->mailbox_length) + " messages";
}

// The state, if the server says what that is (introspect); also of a server that is suspended.
inline Async<std::string> state_of(Process& self, Pid server) {
  co_return to_erlang(co_await sys::get_state(self, server));
}

// How many calls and casts a server takes in a while.
inline Async<sys::Statistics> count_for(Process& self, Pid server, Duration time) {
  co_await sys::count(self, server, true);
  co_await self.sleep(time);
  const auto counted = co_await sys::statistics(self, server);
  co_await sys::count(self, server, false);
  co_return counted.value();
}

// Every message of a server in the log, for a while.
inline Async<> trace_for(Process& self, Pid server, Duration time) {
  co_await sys::trace(self, server, true);
  co_await self.sleep(time);
  co_await sys::trace(self, server, false);
}

}  // namespace howto
