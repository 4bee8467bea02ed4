// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string_view>

#include <troupe/exit_reason.hpp>
#include <troupe/pid.hpp>

namespace troupe {

class Process;

namespace detail {

// Which behaviour a process runs, and with which callbacks: a constant per server type, whose
// address is the type's identity. What typed names, crash reports and the observer ask for.
struct Behaviour {
  std::string_view kind;  // "GenServer"
  std::string_view type;  // "Counter"
};

// Says what the running process is; null: nothing special. Set before its start is acknowledged.
void set_behaviour(Process& self, const Behaviour* behaviour) noexcept;
// From any thread. Null for a plain process and for one that is gone. A process that has a
// behaviour never gets another one.
const Behaviour* behaviour_of(Pid pid) noexcept;

// What only the behaviour knows about a crash.
struct CrashContext {
  const Behaviour* behaviour;
  std::string_view last_message;  // the type of what it was handling; empty before the first
  std::string_view state = {};    // in Erlang syntax, where it has one that may be shown
};

// Writes the crash report of the running process now, while its state still stands, as proc_lib
// does: pid, name or label, behaviour, reason, exception type and text, last message type, state,
// links. Nothing for normal, shutdown and {shutdown, _}. The report at the end of the process is
// left out then.
void report_crash(Process& self, const ExitReason& reason, const CrashContext& context) noexcept;

// Ends the running process with this reason when it next gives way, as an ExitException that leaves
// its body would, but without unwinding anything.
void end_with(Process& self, ExitReason reason);

// The runtime's monotonic clock, which is virtual in the simulator.
std::int64_t monotonic_ns(Process& self) noexcept;

}  // namespace detail
}  // namespace troupe
