// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <troupe/call.hpp>

// What can be asked of any server, whatever its type, and is answered by its loop: also while it is
// suspended, and without voiding a timeout it waits with. OTP's sys. All throw CallException when
// the server does not answer; a process that is no server never does.
namespace troupe::sys {

// The state as a term: what the server's introspect() gives, `undefined` if it has none.
Async<Term> get_state(Process& self, Pid server, Duration timeout = default_call_timeout);

// A suspended server handles nothing but what is in this header; everything else queues.
// Not counted: one resume ends it.
Async<> suspend(Process& self, Pid server, Duration timeout = default_call_timeout);
Async<> resume(Process& self, Pid server, Duration timeout = default_call_timeout);

struct Status {
  bool is_suspended = false;
  Pid parent;
  std::string_view type;  // of the server
  Term state;             // as get_state, or what the server's format_status() gives
};
Async<Status> get_status(Process& self, Pid server, Duration timeout = default_call_timeout);

// Has terminate(reason) run in the server and the server end with it; returns when it is dead.
Async<> terminate(Process& self, Pid server, ExitReason reason, Duration timeout = infinity);

// Counting costs nothing until it is switched on, which begins anew.
struct Statistics {
  Duration since;  // monotonic time of the beginning
  std::uint64_t calls = 0;
  std::uint64_t casts = 0;
  std::uint64_t infos = 0;  // plain messages and timeouts
};
Async<> count(Process& self, Pid server, bool on, Duration timeout = default_call_timeout);
// Nothing if it is not switched on.
Async<std::optional<Statistics>> statistics(Process& self, Pid server,
                                            Duration timeout = default_call_timeout);

// Writes every message that the server takes to the log, at level info.
Async<> trace(Process& self, Pid server, bool on, Duration timeout = default_call_timeout);

// Runs `f(const S&)` in the server and gives what it returned, which must be a message:
//
//     int n = co_await sys::read_state(self, counter, [](const Counter& c) { return c.value; });
//
// f captures nothing. What it throws is thrown here, as an ErrorException; the server goes on.
template <class S, class F>
auto read_state(Process& self, ServerRef<S> server, F f, Duration timeout = default_call_timeout);

// Runs `f(S&)` in the server, to mend its state. If f throws, the state of a copyable server is
// what it was before; the exception is thrown here, as an ErrorException, and the server goes on.
template <class S, class F>
auto replace_state(Process& self, ServerRef<S> server, F f,
                   Duration timeout = default_call_timeout);

}  // namespace troupe::sys

#include <troupe/detail/state_access.hpp>
