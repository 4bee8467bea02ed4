// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include <troupe/supervisor.hpp>

#include "base/flat_map.hpp"
#include "otp/child_events.hpp"
#include "otp/child_extras.hpp"
#include "otp/term_hash.hpp"

namespace troupe {

namespace detail {

// The process behind Supervisor. Everything that waits for a child waits in a handler, so requests
// and the ends of other children queue meanwhile, as in OTP.
class SupervisorServer : public GenServer<SupervisorServer> {
 public:
  struct StartChild {
    ChildSpec spec;
    using Reply = std::expected<ChildStarted, ChildError>;
  };
  struct TerminateChild {
    Term id;
    using Reply = std::expected<void, ChildError>;
  };
  struct RestartChild {
    Term id;
    using Reply = std::expected<ChildStarted, ChildError>;
  };
  struct DeleteChild {
    Term id;
    using Reply = std::expected<void, ChildError>;
  };
  struct WhichChildren {
    using Reply = std::vector<ChildInfo>;
  };
  struct CountChildren {
    using Reply = ChildCounts;
  };
  struct GetSpec {
    Term id;
    using Reply = std::expected<ChildSpec, ChildError>;
  };
  using Subscribe = ChildEvents::Subscribe;
  // The pause before a restart is over, unless another one has begun since.
  struct PauseOver {
    Term id;
    std::uint64_t pause;
  };
  using Info = troupe::Messages<PauseOver, Bequest>;
  // A restart that failed is tried again by a message to oneself, so that what has queued up is
  // served between the tries.
  struct TryAgain {
    Term id;
  };

  SupervisorServer(Process& self, Children children, SupervisorOptions options);

  Async<Init> init(Process& self);
  Async<StartChild::Reply> handle_call(Process& self, StartChild request);
  Async<TerminateChild::Reply> handle_call(Process& self, TerminateChild request);
  Async<RestartChild::Reply> handle_call(Process& self, RestartChild request);
  DeleteChild::Reply handle_call(DeleteChild request);
  WhichChildren::Reply handle_call(WhichChildren);
  CountChildren::Reply handle_call(CountChildren);
  GetSpec::Reply handle_call(GetSpec request);
  Async<Next> handle_cast(Process& self, TryAgain request);
  Async<Next> handle_info(Process& self, Exit exit);
  Async<Next> handle_info(Process& self, PauseOver message);
  void handle_info(Bequest bequest);
  void handle_info(Down down) { events_.forget(down.pid); }
  void handle_call(Process& self, Subscribe request);
  Async<> terminate(Process& self, ExitReason reason);
  Term introspect() const;

 private:
  struct Child {
    enum class State : std::uint8_t { stopped, running, restarting };
    ChildSpec spec;
    Pid pid;
    Pid previous = {};  // the one it had before, for those who watch its restarts
    State state = State::stopped;
    std::unique_ptr<ChildExtras> extras = {};
  };
  using Place = std::list<Child>::iterator;

  // nullopt: the child is started, or answered ignore.
  Async<std::optional<ExitReason>> start(Process& self, Place place,
                                         ChildEvent::Kind kind = ChildEvent::Kind::started,
                                         Term* info = nullptr);
  Async<> stop(Process& self, Place place);
  // Stops what runs from `first` on, latest first, and forgets what is temporary.
  Async<> stop_from(Process& self, Place first);
  // Starts everything from `first` on; the first that fails: to be tried again.
  Async<> start_from(Process& self, Place first);
  Async<Next> restart(Process& self, Place place);
  // True: it waits now, and is started when the pause is over.
  bool pause(Process& self, Place place, std::int64_t now_ns);
  Async<Next> start_again(Process& self, Place place);
  void add(ChildSpec spec);
  void try_again(Process& self, Place place, const ExitReason& failure);
  Next after_end(Place ended);
  void forget(Place place);
  void set_running(Place place, Pid pid);
  void set_stopped(Place place, Child::State state);
  std::optional<ExitReason> refusal(const ChildSpec& spec) const;
  Place* find(const Term& id);

  Children initial_;  // until init has started them
  SupervisorOptions options_;
  RestartIntensity intensity_;
  std::list<Child> children_;  // in the order of their start
  FlatMap<Term, Place, TermHash> by_id_;
  FlatMap<Pid, Place> by_pid_;
  ChildEvents events_;
  std::uint64_t pauses_ = 0;
};

// Starts one, linked to the caller; what Supervisor::start_link does.
Async<StartOutcome> start_supervisor(Process& self, Children children, SupervisorOptions options,
                                     Via via = nullptr);

}  // namespace detail
}  // namespace troupe
