// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/child_spec.hpp>
#include <troupe/detail/bequest.hpp>

namespace troupe::detail {

// How a child is told to end, and what its end is measured by.
struct ChildStop {
  static ChildStop of(const ChildSpec& spec) {
    return ChildStop{spec.shutdown(), spec.is_brutal(), spec.restart()};
  }
  Duration time;
  bool brutal;
  Restart restart;
};

// Ends a child of the running supervisor, and waits until it is dead: what it ended with. Waits on
// a monitor, so that children which have unlinked themselves are stopped too; afterwards neither
// link nor EXIT of it is left. OTP: supervisor:shutdown.
Async<ExitReason> stop_child(Process& self, Pid pid, ChildStop how);

// Kills a process that did not start in time. No EXIT of it is left in the mailbox.
Async<> kill_late_start(Process& self, Pid pid, bool is_linked);

// Appends to `mail` what a process that has ended left unread to the running one, its heir. It came
// before the EXIT and DOWN of its end, so it is there already, if there is any.
Async<> take_bequest(Process& self, Pid ended, WaitingMail& mail);

// Says in the log that a child ended otherwise than asked, if it did. `id`: the pid where a child
// has no other.
void report_stop(const Term& id, const ChildStop& how, const ExitReason& reason);
// Says in the log that a child ended by itself in a way that its specification calls a failure.
void report_end(const Term& id, Restart restart, const ExitReason& reason);

}  // namespace troupe::detail
