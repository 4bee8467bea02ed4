// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <troupe/detail/owned_envelope.hpp>
#include <troupe/detail/server_vtable.hpp>
#include <troupe/timer.hpp>

// The half of GenStatem that knows neither its states nor its events. An event is its envelope:
// postponed ones and inserted ones hang on lists through it, and are dispatched again as they came.
// What is to be handled before the mailbox is looked at goes through the server loop's place for a
// continuation, one event at a time, so the loop stays the only loop: suspending, coroutine
// handlers, stops and failures are the same as those of a GenServer.
namespace troupe::detail {

class EventList {
 public:
  EventList() noexcept = default;
  EventList(const EventList&) = delete;
  ~EventList();

  bool is_empty() const noexcept { return !first_; }
  void push_back(Envelope* event) noexcept;
  // All of `other`, in its order, before what is here.
  void push_front(EventList& other) noexcept;
  Envelope* pop_front() noexcept;  // null: empty

 private:
  Envelope* first_ = nullptr;
  Envelope* last_ = nullptr;
};

enum class TimeoutKind : std::uint8_t { state, event, named };

// One of the things that a transition does beside changing the state, in the order they were given.
struct MachineAction {
  enum class Kind : std::uint8_t { reply, insert, set_timeout, cancel_timeout };
  Kind kind;
  TimeoutKind timeout = TimeoutKind::state;
  Term name = {};
  Duration time = {};
  CallHead head = {};
  OwnedEnvelope envelope{nullptr};  // the reply, or the event
};
using MachineActions = std::vector<MachineAction>;

// What a timer sends to its machine.
struct MachineTick {
  std::uint64_t id;
};

class MachineCore {
 public:
  // An event is about to be handled: an event timeout ends with it.
  void begin_event() { cancel(TimeoutKind::event, Term{}); }

  void postpone(Envelope* event) noexcept { postponed_.push_back(event); }

  // The state has changed: its timeout ends, and what was postponed comes again, oldest first.
  void leave_state();

  // Sends the replies among the actions.
  static void send_replies(MachineActions& actions);
  // Does the rest of them, and says what comes next. `tick`: the type of MachineTick for this
  // machine.
  void settle(ServerCore& core, MachineActions& actions, const RequestType& tick);

  // The event of a timer that has fired; null if it was cancelled meanwhile.
  Envelope* take_timeout(std::uint64_t id);

  std::size_t timeouts_running() const noexcept { return timeouts_.size(); }

 private:
  struct Timeout {
    TimeoutKind kind;
    Term name;
    std::uint64_t id;  // unique on the node: a tick may reach the successor of its machine
    TimerRef timer;    // null: zero, due as soon as no event is left
    OwnedEnvelope event;
  };

  void cancel(TimeoutKind kind, const Term& name);
  void set(ServerCore& core, MachineAction& action, const RequestType& tick);
  Envelope* next_event();

  EventList waiting_;  // inserted and retried events
  EventList postponed_;
  std::vector<Timeout> timeouts_;  // in the order in which they were set; they are few
};

// Why an event ended its machine: no handler for it in the state it is in.
[[noreturn]] void refuse_event(std::string_view event, std::string_view state);
// What a state_enter asked for that it must not.
[[noreturn]] void refuse_enter_result();

}  // namespace troupe::detail
