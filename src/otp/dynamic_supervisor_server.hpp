// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <memory>
#include <vector>

#include <troupe/dynamic_supervisor.hpp>

#include "base/flat_map.hpp"
#include "otp/child_stop.hpp"
#include "otp/restart_intensity.hpp"

namespace troupe::detail {

// The process behind DynamicSupervisor. A child costs it one entry of a flat map, about 64 B, and
// what its arguments take if it may be restarted.
class DynamicSupervisorServer : public GenServer<DynamicSupervisorServer> {
 public:
  struct StartChild {
    ChildSpec spec;
    using Reply = std::expected<ChildStarted, ChildError>;
  };
  struct TerminateChild {
    Pid pid;
    using Reply = std::expected<void, ChildError>;
  };
  struct WhichChildren {
    using Reply = std::vector<ChildInfo>;
  };
  struct CountChildren {
    using Reply = ChildCounts;
  };
  struct TryAgain {
    Pid pid;  // the one it had
  };

  DynamicSupervisorServer(Process& self, DynamicSupervisorOptions options);

  Async<StartChild::Reply> handle_call(Process& self, StartChild request);
  Async<TerminateChild::Reply> handle_call(Process& self, TerminateChild request);
  WhichChildren::Reply handle_call(WhichChildren);
  CountChildren::Reply handle_call(CountChildren);
  Async<Next> handle_cast(Process& self, TryAgain request);
  // Async only where there is something to wait for: most children end for good.
  Async<Next> handle_info(Process& self, Exit exit);
  Async<> terminate(Process& self, ExitReason reason);
  Term introspect() const;

 private:
  struct Child {
    std::shared_ptr<const ChildStart> start;  // null if temporary: it is never started again
    ChildStop stop;
    Atom name;
    ChildType type;
    bool restarting = false;
  };

  Async<Next> restart(Process& self, Pid old);
  void forget(Pid pid);

  DynamicSupervisorOptions options_;
  RestartIntensity intensity_;
  FlatMap<Pid, Child> children_;  // a restarting one under the pid it had
  std::size_t restarting_ = 0;
  std::size_t supervisors_ = 0;
};

}  // namespace troupe::detail
