// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <troupe/detail/machine_calls.hpp>
#include <troupe/gen_server.hpp>

namespace troupe {

// A name for a timeout of a GenStatem: a text becomes an atom; any other term stands for itself.
struct TimeoutName {
  TimeoutName(const char* text) : term{Atom{std::string_view{text}}} {}
  TimeoutName(std::string_view text) : term{Atom{text}} {}
  template <class T>
    requires std::is_convertible_v<T, Term>
  TimeoutName(T value) : term{std::move(value)} {}
  Term term;
};

// The event of a state timeout and of an event timeout that were given none of their own.
struct StateTimeout {};
struct EventTimeout {};

template <class S, class... St>
class GenStatem;

namespace detail {

// What a handler of the GenStatem S returns; see GenStatem.
template <class S, class State>
class [[nodiscard]] Transition {
 public:
  enum class Kind : std::uint8_t { keep, repeat, next, stop };

  Transition() noexcept = default;
  // Ends the machine: replies first, then terminate(reason). OTP: stop, stop_and_reply.
  static Transition stop(ExitReason reason = {}) {
    Transition transition{Kind::stop};
    transition.reason_ = std::move(reason);
    return transition;
  }

  // The event is put aside, and comes again, before newer ones, as soon as the state has changed.
  Transition postpone() && {
    postpones_ = true;
    return std::move(*this);
  }
  // Answers a call that was kept.
  template <class R>
  Transition reply(From<R> from, std::type_identity_t<ReplyValue<R>> value) && {
    const CallHead head = from.head();
    from.forget();
    actions_.push_back(
        {.kind = MachineAction::Kind::reply,
         .head = head,
         .envelope = OwnedEnvelope{make_reply<ReplyValue<R>>(head.id, std::move(value))}});
    return std::move(*this);
  }
  Transition reply(From<void> from) && { return std::move(*this).reply(std::move(from), Done{}); }
  // An event that comes before everything that waits; several come in the order given.
  template <class M>
  Transition next_event(M event) && {
    actions_.push_back({.kind = MachineAction::Kind::insert, .envelope = own(std::move(event))});
    return std::move(*this);
  }

  // `event` comes when the machine has been in one state for `time` from now: leaving the state
  // cancels it.
  template <class M = StateTimeout>
  Transition state_timeout(Duration time, M event = {}) && {
    return set(TimeoutKind::state, Term{}, time, own(std::move(event)));
  }
  // `event` comes unless another event does within `time`.
  template <class M = EventTimeout>
  Transition event_timeout(Duration time, M event = {}) && {
    return set(TimeoutKind::event, Term{}, time, own(std::move(event)));
  }
  // `event` comes after `time`, whatever happens meanwhile. As with the others, setting it again
  // replaces it, zero comes before the mailbox, and infinity cancels.
  template <class M>
  Transition timeout(TimeoutName name, Duration time, M event) && {
    return set(TimeoutKind::named, std::move(name.term), time, own(std::move(event)));
  }
  Transition cancel_state_timeout() && { return cancel(TimeoutKind::state, Term{}); }
  Transition cancel_timeout(TimeoutName name) && {
    return cancel(TimeoutKind::named, std::move(name.term));
  }

  // For the loop.
  Kind kind() const noexcept { return kind_; }
  bool postpones() const noexcept { return postpones_; }
  const ExitReason& reason() const noexcept { return reason_; }
  std::optional<State>& next() noexcept { return next_; }
  MachineActions& actions() noexcept { return actions_; }

 private:
  template <class, class...>
  friend class troupe::GenStatem;

  explicit Transition(Kind kind) noexcept : kind_{kind} {}

  template <class M>
  static OwnedEnvelope own(M event) {
    static_assert(Message<M>, "this event is no message: it refers to something it does not own");
    static_assert(machine_takes<S, M>(),
                  "this machine has no public handle_event that takes this event");
    return OwnedEnvelope{make_request<M>(event_type<S, M>, std::move(event))};
  }
  Transition set(TimeoutKind timeout, Term name, Duration time, OwnedEnvelope event) {
    actions_.push_back({.kind = MachineAction::Kind::set_timeout,
                        .timeout = timeout,
                        .name = std::move(name),
                        .time = time,
                        .envelope = std::move(event)});
    return std::move(*this);
  }
  Transition cancel(TimeoutKind timeout, Term name) {
    actions_.push_back(
        {.kind = MachineAction::Kind::cancel_timeout, .timeout = timeout, .name = std::move(name)});
    return std::move(*this);
  }

  Kind kind_ = Kind::keep;
  bool postpones_ = false;
  ExitReason reason_;
  std::optional<State> next_;
  MachineActions actions_;
};

}  // namespace detail

// A state machine: a server whose answer to an event depends on the state it is in, OTP's
// gen_statem. Use it instead of a GenServer where handlers would begin with `if (state_ == ...)`,
// where a message must wait for a better moment, or where time limits belong to a state.
//
//     struct Locked { std::string typed; };
//     struct Open {};
//     struct Door : GenStatem<Door, Locked, Open> {
//       struct Digit { char digit; };
//       Transition handle_event(Locked& locked, const Digit& d) {
//         locked.typed += d.digit;
//         return locked.typed == "1234" ? next_state(Open{}) : keep_state();
//       }
//       void handle_event(Open&, const Digit&) {}
//       Transition state_enter(Open&) { return keep_state().state_timeout(10s); }
//       Transition handle_event(Open&, const StateTimeout&) { return next_state(Locked{}); }
//     };
//
// The states are types, whose objects hold what belongs to one state and go with it, or an
// enumeration (GenStatem<Door, Mode>), whose value handlers take; what is there in all states is a
// member of the machine. It begins in the first state unless its constructor says
// `GenStatem{Open{}}`.
//
// There is one handler function, `handle_event`, for calls, casts, plain messages, timeouts and
// inserted events alike, since their types tell them apart; it is found by the state and the event,
// and may be a coroutine:
//
//   handle_event(St&, M&)             void, Transition    any event but a call
//   handle_event(St&, M&)             R, Answer<R>        a call: M names its Reply
//   handle_event(St&, M&, From<R>&)   void, Transition    a call that is answered later
//   handle_event(M&), ...             likewise            in every state without one of its own
//   state_enter(St&), (St&, Old&)     void, Transition    after each change, and at the beginning
//   init(Process&)                    void, Init, Transition    as in a GenServer
//   terminate(ExitReason)             void                likewise; the state still stands
//
// Each may take `Process&` first. The event stays with the machine while it is handled, so that it
// can be postponed: take it by reference. Handlers are started, called, cast to and inspected as a
// GenServer is, with the same guarantees (and plain messages need the same `Info` list).
//
// An event that the current state has no handler for ends the machine with {unhandled_event, ...},
// as OTP's function_clause would. Moving to a state that equals the current one (or, without ==, is
// of the same enumerator) is no change. After a handler come, in this order: replies; state_enter,
// if the state has changed; inserted events; postponed ones, if it has; timeouts of zero; the
// mailbox.
template <class S, class... St>
class GenStatem : public GenServer<S>, public detail::AnyMachine {
 public:
  using States = detail::MachineState<St...>;
  using Transition = detail::Transition<S, States>;
  // A reply to a call and what comes after it: `return {42, next_state(Open{})};`. With
  // Transition::stop the reply is sent before terminate runs.
  template <class R>
  using Answer = troupe::Answer<R, Transition>;

 protected:
  GenStatem()
    requires(detail::default_state<St...>)
      : state_{detail::FirstState<St...>{}} {}
  explicit GenStatem(States initial) noexcept : state_{std::move(initial)} {}

  static Transition next_state(States state) {
    Transition transition{Transition::Kind::next};
    transition.next_.emplace(std::move(state));
    return transition;
  }
  static Transition keep_state() noexcept { return {}; }
  // Keeps the state, and runs its state_enter again.
  static Transition repeat_state() noexcept { return Transition{Transition::Kind::repeat}; }
  // keep_state().postpone().
  static Transition postpone() noexcept { return keep_state().postpone(); }

  // The state it is in, where states are an enumeration.
  auto state() const noexcept
    requires(std::is_enum_v<detail::FirstState<St...>>)
  {
    return state_.value();
  }
  // The same where they are types: the state if it is a T, else null.
  template <class T>
  T* state_if() noexcept {
    return state_.template get_if<T>();
  }

 private:
  friend struct detail::MachineAccess;

  detail::MachineCore machine_;
  States state_;
};

}  // namespace troupe
