// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <memory>

#include <troupe/pid.hpp>

namespace troupe {
class Process;
}

namespace troupe::detail {

// Something to be done for a process when it ends, however it ends: what a table has of it, which
// others read directly, goes away.
class EndDuty {
 public:
  virtual ~EndDuty() = default;
  // On the thread on which it ends, after its destructors have run and before anybody can know: a
  // message to it still finds somebody, DOWNs are not out. Must not wait, and be done soon.
  virtual void ended(Pid pid) noexcept = 0;
};

// Of the running process. A duty that it has already is not added again.
void add_end_duty(Process& self, std::shared_ptr<EndDuty> duty);
void remove_end_duty(Process& self, const EndDuty& duty) noexcept;

}  // namespace troupe::detail
