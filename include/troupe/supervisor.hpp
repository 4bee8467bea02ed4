// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <initializer_list>
#include <string>
#include <vector>

#include <troupe/child_spec.hpp>

namespace troupe {

// Which children are restarted when one has ended and is to be restarted.
enum class Strategy : std::uint8_t {
  one_for_one,   // that one
  one_for_all,   // all: the others are stopped first, in reverse order of start
  rest_for_one,  // that one and those started after it
};
using enum Strategy;

// Whether the end of significant children ends the supervisor.
enum class AutoShutdown : std::uint8_t { never, any_significant, all_significant };

struct SupervisorOptions {
  Strategy strategy = one_for_one;
  // More restarts than this within max_seconds (counted in whole seconds, all children together)
  // end the supervisor with `shutdown`, which its own supervisor may mend. Elixir's defaults.
  unsigned max_restarts = 3;
  std::chrono::seconds max_seconds{5};
  AutoShutdown auto_shutdown = AutoShutdown::never;
  Name name = atoms::undefined;

  // What Erlang's supervisor does where nothing is said: one restart in five seconds.
  static SupervisorOptions of_erlang() { return {.max_restarts = 1}; }
};

// Why a supervisor's function did nothing.
struct ChildError {
  enum class Code : std::uint8_t {
    failed,           // the child did not start: `reason`
    already_started,  // a child with this id runs: `pid`
    already_present,  // a child with this id is there, stopped
    not_found,        // there is no such child
    running,          // it runs; stop it first
    restarting,       // it is being restarted, again and again until that works
    bad_spec,         // the specification contradicts itself or the supervisor: `reason`
    max_children,     // the supervisor has as many as it may have
  };
  Code code = Code::failed;
  ExitReason reason = {};
  Pid pid = {};

  Term term() const;  // R in OTP's {error, R}
  // A sentence that also says what to do about it.
  std::string to_string() const;
};

// A line of which_children.
struct ChildInfo {
  Term id;  // undefined under a DynamicSupervisor
  Pid pid;  // null: it does not run
  bool restarting = false;
  ChildType type = ChildType::worker;
};

struct ChildCounts {
  std::size_t specs = 0;
  std::size_t active = 0;
  std::size_t supervisors = 0;
  std::size_t workers = 0;
};

// What subscribers of a supervisor hear of its children.
struct ChildEvent {
  enum class Kind : std::uint8_t {
    started,    // for the first time, or by hand
    ended,      // by itself: `reason`
    restarted,  // `pid` is the new one
    failed,     // did not start again: `reason`; it is tried again
    given_up,   // its restarts are too many: it stays stopped, or the supervisor ends
    stopped,    // by the supervisor: `reason`
  };
  Kind kind;
  Pid supervisor;
  Term id;  // undefined under a DynamicSupervisor
  Pid pid;
  ExitReason reason = {};
  // Which one is meant by restarted, failed and given_up, and by started where it has run before:
  // the pid it had.
  Pid previous = {};
};

// Keeps its children running: starts them in order, restarts those that end as their specification
// says, and stops them in reverse order, one after the other, when it ends itself. OTP's
// supervisor.
//
//     co_await Supervisor::start_link(self, children(child<Store>("data"), child<Cache>()),
//                                     {.strategy = rest_for_one});
//
// It is linked to the process that started it, and ends, its children first, with that one's end,
// whatever the reason. A child whose start fails at the beginning takes the supervisor's start with
// it; one whose restart fails is tried again until max_restarts is exceeded.
//
// Its functions wait for the supervisor, which is busy while it starts or stops a child; they throw
// CallException if it is gone.
class Supervisor {
 public:
  // Returns when all children are started; throws StartException, whose reason for a child that did
  // not start is {shutdown, {failed_to_start_child, Id, Reason}}, and {start_spec, What} for
  // specifications that are refused.
  static detail::StartAwaitable<Supervisor, detail::StartMode::link, false> start_link(
      Process& self, Children children, SupervisorOptions options = {});
  static detail::StartAwaitable<Supervisor, detail::StartMode::link, true> try_start_link(
      Process& self, Children children, SupervisorOptions options = {});

  // Adds a child and starts it. A child that fails to start is not kept. A null pid: its start
  // answered ignore.
  static Async<std::expected<ChildStarted, ChildError>> start_child(
      Process& self, ServerRef<Supervisor> supervisor, ChildSpec child);
  // Stops a child, if it runs, and keeps its specification unless it is temporary. It is not
  // restarted.
  static Async<std::expected<void, ChildError>> terminate_child(Process& self,
                                                                ServerRef<Supervisor> supervisor,
                                                                ChildId id);
  // Starts a child that was stopped, or has ended for good.
  static Async<std::expected<ChildStarted, ChildError>> restart_child(
      Process& self, ServerRef<Supervisor> supervisor, ChildId id);
  // Forgets a child that does not run.
  static Async<std::expected<void, ChildError>> delete_child(Process& self,
                                                             ServerRef<Supervisor> supervisor,
                                                             ChildId id);
  // All specifications, latest started first.
  static Async<std::vector<ChildInfo>> which_children(Process& self,
                                                      ServerRef<Supervisor> supervisor);
  // How many there are, and how many of them run.
  static Async<ChildCounts> count_children(Process& self, ServerRef<Supervisor> supervisor);
  // From now on the caller gets a ChildEvent for whatever happens to a child, until it ends or
  // unsubscribes. Beyond OTP, which leaves this to logs.
  static Async<> subscribe(Process& self, ServerRef<Supervisor> supervisor);
  static Async<> unsubscribe(Process& self, ServerRef<Supervisor> supervisor);
  // A copy of a child's specification. Error: not_found.
  static Async<std::expected<ChildSpec, ChildError>> get_childspec(Process& self,
                                                                   ServerRef<Supervisor> supervisor,
                                                                   ChildId id);

  static const detail::Behaviour* behaviour() noexcept;
};

// A supervisor as a child of another one: supervisor("web", {child<Listener>(8080), ...}).
ChildSpec supervisor(ChildId id, Children children, SupervisorOptions options = {});
ChildSpec supervisor(ChildId id, std::initializer_list<ChildSpec> children,
                     SupervisorOptions options = {});

}  // namespace troupe
