// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/child_spec.hpp>

namespace troupe::detail {

// Ends a child of the running supervisor as its specification says, and waits until it is dead:
// what it ended with. Waits on a monitor, so that children which have unlinked themselves are
// stopped too; afterwards neither link nor EXIT of it is left. OTP: supervisor:shutdown.
Async<ExitReason> stop_child(Process& self, Pid pid, const ChildSpec& spec);

// Says in the log that a child ended otherwise than asked, if it did.
void report_stop(const ChildSpec& spec, Pid pid, const ExitReason& reason);
// Says in the log that a child ended by itself in a way that its specification calls a failure.
void report_end(const ChildSpec& spec, Pid pid, const ExitReason& reason);

}  // namespace troupe::detail
