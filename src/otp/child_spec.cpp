// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/child_spec.hpp>

namespace troupe::detail {

ChildStart::~ChildStart() = default;

StartOutcome started_child(ChildStartResult result) {
  StartOutcome outcome;
  if (!result) {
    outcome.error.reason = std::move(result.error());
  } else if (!result->pid) {
    outcome.error.code = StartError::Code::ignored;
  } else {
    outcome.pid = result->pid;
    outcome.info = std::move(result->info);
  }
  return outcome;
}

StartOutcome named_child(Pid pid, Atom name) {
  StartOutcome outcome;
  outcome.pid = pid;
  if (name == atoms::undefined) return outcome;
  try {
    register_name(name, pid);
  } catch (const ErrorException&) {
    const Pid holder = whereis(name);
    outcome.pid = {};
    outcome.error.code =
        holder && holder != pid ? StartError::Code::already_started : StartError::Code::failed;
    outcome.error.holder = holder;
    outcome.error.reason = ExitReason{atoms::badarg};
    exit(pid, ExitReason{atoms::kill});
  }
  return outcome;
}

}  // namespace troupe::detail
