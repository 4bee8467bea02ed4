// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <memory>
#include <vector>

#include <troupe/dynamic_supervisor.hpp>

#include "base/flat_map.hpp"
#include "otp/child_events.hpp"
#include "otp/child_extras.hpp"
#include "otp/child_stop.hpp"

namespace troupe::detail {

// The process behind DynamicSupervisor. A child costs it one entry of a flat map, about 72 B, and
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
  using Subscribe = ChildEvents::Subscribe;
  // The children of both are named by the pid that they had.
  struct TryAgain {
    Pid pid;
  };
  // The pause before a restart is over, unless another one has begun since.
  struct PauseOver {
    Pid pid;
    std::uint64_t pause;
  };
  using Info = troupe::Messages<PauseOver, Bequest>;

  DynamicSupervisorServer(Process& self, DynamicSupervisorOptions options);

  Async<StartChild::Reply> handle_call(Process& self, StartChild request);
  Async<TerminateChild::Reply> handle_call(Process& self, TerminateChild request);
  WhichChildren::Reply handle_call(WhichChildren);
  CountChildren::Reply handle_call(CountChildren);
  void handle_call(Process& self, Subscribe request) { events_.handle(self, request); }
  Async<Next> handle_cast(Process& self, TryAgain request);
  // Async only where there is something to wait for: most children end for good.
  Async<Next> handle_info(Process& self, Exit exit);
  Async<Next> handle_info(Process& self, PauseOver message);
  void handle_info(Bequest bequest);
  void handle_info(Down down) { events_.forget(down.pid); }
  Async<> terminate(Process& self, ExitReason reason);
  Term introspect() const;

 private:
  struct Child {
    Shared<const ChildStart> start;  // null if temporary: it is never started again
    ChildStop stop;
    Atom name;
    ChildType type;
    bool restarting = false;
    std::unique_ptr<ChildExtras> extras = {};
  };

  Async<Next> restart(Process& self, Pid old);
  Async<Next> start_again(Process& self, Pid old);
  void set_restarting(Child& child);
  void forget(Pid pid);

  DynamicSupervisorOptions options_;
  RestartIntensity intensity_;
  FlatMap<Pid, Child> children_;  // a restarting one under the pid it had
  std::size_t restarting_ = 0;
  std::size_t supervisors_ = 0;
  ChildEvents events_;
  std::uint64_t pauses_ = 0;
};

}  // namespace troupe::detail
