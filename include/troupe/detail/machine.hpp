// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <troupe/detail/machine_core.hpp>
#include <troupe/detail/machine_handlers.hpp>
#include <troupe/detail/machine_states.hpp>

// Runs a GenStatem: its start, its events, and how it goes from state to state. Calls are in
// machine_calls.hpp.
namespace troupe::detail {

// --- The constants of a machine.

// The loop's key to the private members of GenStatem.
struct MachineAccess {
  template <class S>
  static MachineCore& core(S& machine) noexcept {
    return machine.machine_;
  }
  template <class S>
  static auto& state(S& machine) noexcept {
    return machine.state_;
  }
};

template <class S>
void invoke_tick(ServerCore& core, Envelope* envelope);
template <class S>
inline constexpr RequestType tick_type =
    request_type<MachineTick, MachineTick>(RequestRole::info, &server_vtable<S>, &invoke_tick<S>);

// An event that the machine sends to itself: inserted, or of a timeout.
template <class S, class M>
inline constexpr RequestType event_type =
    request_type<M, M>(RequestRole::continuation, &server_vtable<S>, &invoke_machine_event<S, M>);

// --- After a handler.

template <class S>
void settle(ServerCore& core, MachineActions& actions) {
  MachineAccess::core(state_of<S>(core)).settle(core, actions, tick_type<S>);
}

template <class S>
void finish_enter(ServerCore& core, typename S::Transition transition, MachineActions actions) {
  using Kind = S::Transition::Kind;
  const bool stops = transition.kind() == Kind::stop;
  bool inserts = false;
  for (const MachineAction& action : transition.actions()) {
    inserts = inserts || action.kind == MachineAction::Kind::insert;
  }
  if ((!stops && transition.kind() != Kind::keep) || transition.postpones() || inserts) {
    refuse_enter_result();
  }
  MachineCore::send_replies(transition.actions());
  if (stops) {
    Step& step = step_of(core);
    step.stops = true;
    step.reason = transition.reason();
    return;
  }
  for (MachineAction& action : transition.actions()) actions.push_back(std::move(action));
  settle<S>(core, actions);
}

template <class S>
Async<> await_enter(ServerCore& core, Async<typename S::Transition> handler,
                    std::optional<typename S::States>, MachineActions actions) {
  finish_enter<S>(core, co_await handler, std::move(actions));
}
template <class S>
Async<> await_enter(ServerCore& core, Async<> handler, std::optional<typename S::States>,
                    MachineActions actions) {
  co_await handler;
  settle<S>(core, actions);
}

// The state is new, or is entered once more (`old` is nothing then).
template <class S>
void enter_state(ServerCore& core, std::optional<typename S::States> old, MachineActions actions) {
  using State = S::States;
  State& now = MachineAccess::state(state_of<S>(core));
  const auto follow_result = [&]<class Run>(Run run) {
    using Result = decltype(run());
    if constexpr (is_async<Result>) {
      // `old` stays where the handler's reference points: in this frame's copy of it.
      await_later(core, await_enter<S>(core, run(), std::move(old), std::move(actions)));
    } else if constexpr (std::is_void_v<Result>) {
      run();
      settle<S>(core, actions);
    } else {
      finish_enter<S>(core, run(), std::move(actions));
    }
  };
  bool is_done = false;
  now.visit([&]<class St>(St& state) {
    State& before = old ? *old : now;
    before.visit([&]<class Old>(Old& previous) {
      using Previous = std::conditional_t<std::is_enum_v<Old>, Old, const Old&>;
      if constexpr (Handles<EnterVerb, S, StateParameter<St>, Previous>) {
        using Result = HandlerResult<EnterVerb, S, StateParameter<St>, Previous>;
        static_assert(!is_async<Result> || std::is_enum_v<Old>,
                      "a state_enter that waits may not keep a reference to the previous state");
        is_done = true;
        follow_result([&]() -> Result {
          return run_handler<EnterVerb, S, StateParameter<St>, Previous>(
              core, static_cast<StateParameter<St>>(state), static_cast<Previous>(previous));
        });
      }
    });
    if constexpr (Handles<EnterVerb, S, StateParameter<St>>) {
      if (is_done) return;
      is_done = true;
      follow_result([&]() -> HandlerResult<EnterVerb, S, StateParameter<St>> {
        return run_handler<EnterVerb, S, StateParameter<St>>(
            core, static_cast<StateParameter<St>>(state));
      });
    }
  });
  if (!is_done) settle<S>(core, actions);
}

template <class S>
void finish_event(ServerCore& core, OwnedEnvelope event, typename S::Transition transition) {
  using State = S::States;
  using Kind = S::Transition::Kind;
  MachineCore& machine = MachineAccess::core(state_of<S>(core));
  MachineCore::send_replies(transition.actions());
  if (transition.kind() == Kind::stop) {
    Step& step = step_of(core);
    step.stops = true;
    step.reason = transition.reason();
    return;
  }
  if (transition.postpones()) machine.postpone(event.release());
  State& state = MachineAccess::state(state_of<S>(core));
  if (transition.kind() == Kind::next) {
    const bool is_change = !state.is(*transition.next());
    std::optional<State> old{std::move(state)};
    state = std::move(*transition.next());
    if (is_change) {
      machine.leave_state();
      return enter_state<S>(core, std::move(old), std::move(transition.actions()));
    }
  } else if (transition.kind() == Kind::repeat) {
    return enter_state<S>(core, std::nullopt, std::move(transition.actions()));
  }
  settle<S>(core, transition.actions());
}

// --- Events without an answer.

template <class S, class Result>
Async<> await_event(ServerCore& core, OwnedEnvelope event, Result handler) {
  if constexpr (std::is_same_v<Result, Async<>>) {
    co_await handler;
    finish_event<S>(core, std::move(event), typename S::Transition{});
  } else {
    finish_event<S>(core, std::move(event), co_await handler);
  }
}

template <class S, class M>
void invoke_machine_event(ServerCore& core, Envelope* envelope) {
  using Transition = S::Transition;
  OwnedEnvelope event{envelope};
  S& server = state_of<S>(core);
  MachineAccess::core(server).begin_event();
  auto& current = MachineAccess::state(server);
  current.visit([&]<class St>(St& state) {
    if constexpr (HandlesIn<EventVerb, S, St, M&>) {
      using Result = ResultIn<EventVerb, S, St, M&>;
      using Value = Awaited<Result>::Type;
      static_assert(std::is_void_v<Value> || std::is_same_v<Value, Transition>,
                    "a handle_event for an event that nobody waits for returns void, Transition, "
                    "Async<> or Async<Transition>");
      M& message = value_of<M>(envelope);
      if constexpr (is_async<Result>) {
        auto handler = run_in<EventVerb, S, St, M&>(core, state, message);
        await_later(core, await_event<S>(core, std::move(event), std::move(handler)));
      } else if constexpr (std::is_void_v<Result>) {
        run_in<EventVerb, S, St, M&>(core, state, message);
        finish_event<S>(core, std::move(event), Transition{});
      } else {
        finish_event<S>(core, std::move(event), run_in<EventVerb, S, St, M&>(core, state, message));
      }
    } else {
      refuse_event(type_name<M>(), current.name());
    }
  });
}

// A message that the machine does not know by its type. It is the envelope itself, so postponing it
// takes it back.
template <class S>
void invoke_machine_any(ServerCore& core, Envelope* envelope) {
  using Transition = S::Transition;
  Any message{envelope};
  S& server = state_of<S>(core);
  MachineAccess::core(server).begin_event();
  auto& current = MachineAccess::state(server);
  current.visit([&]<class St>(St& state) {
    if constexpr (HandlesIn<EventVerb, S, St, Any&>) {
      using Result = ResultIn<EventVerb, S, St, Any&>;
      static_assert(std::is_void_v<Result> || std::is_same_v<Result, Transition>,
                    "a handle_event that takes Any returns void or Transition");
      if constexpr (std::is_void_v<Result>) {
        run_in<EventVerb, S, St, Any&>(core, state, message);
        finish_event<S>(core, OwnedEnvelope{nullptr}, Transition{});
      } else {
        Transition transition = run_in<EventVerb, S, St, Any&>(core, state, message);
        OwnedEnvelope event{transition.postpones() ? message.release() : nullptr};
        finish_event<S>(core, std::move(event), std::move(transition));
      }
    } else {
      refuse_event(message.type_name(), current.name());
    }
  });
}

template <class S>
void invoke_tick(ServerCore& core, Envelope* envelope) {
  const MachineTick tick = take_value<MachineTick>(envelope);
  if (Envelope* event = MachineAccess::core(state_of<S>(core)).take_timeout(tick.id)) {
    request_type_of(event).invoke(core, event);
  }
}

// --- The start.

// What init left to be done once the start has been acknowledged.
template <class S>
struct BeginMachine {
  MachineActions actions;
};
template <class S>
void invoke_begin(ServerCore& core, Envelope* envelope) {
  enter_state<S>(core, std::nullopt, take_value<BeginMachine<S>>(envelope).actions);
}
template <class S>
inline constexpr RequestType begin_type = request_type<BeginMachine<S>, BeginMachine<S>>(
    RequestRole::continuation, &server_vtable<S>, &invoke_begin<S>);

template <class S>
void follow_init(ServerCore& core, typename S::Transition transition) {
  if (transition.kind() == S::Transition::Kind::stop) {
    Init init = Init::stop(transition.reason());
    return follow(core, init);
  }
  MachineCore::send_replies(transition.actions());
  if (transition.next()) {
    MachineAccess::state(state_of<S>(core)) = std::move(*transition.next());
  }
  core.continuation = make_request(begin_type<S>, BeginMachine<S>{std::move(transition.actions())});
}
template <class S>
void follow_init(ServerCore& core, Init init) {
  if (init.kind() != Init::Kind::ok) return follow(core, init);
  follow_init<S>(core, typename S::Transition{});
}

template <class S>
Async<> await_machine_init(ServerCore& core) {
  if constexpr (std::is_same_v<HandlerResult<InitVerb, S>, Async<>>) {
    co_await run_handler<InitVerb, S>(core);
    follow_init<S>(core, typename S::Transition{});
  } else {
    follow_init<S>(core, co_await run_handler<InitVerb, S>(core));
  }
}
template <class S>
void invoke_machine_init(ServerCore& core) {
  if constexpr (!Handles<InitVerb, S>) {
    follow_init<S>(core, typename S::Transition{});
  } else if constexpr (is_async<HandlerResult<InitVerb, S>>) {
    await_later(core, await_machine_init<S>(core));
  } else if constexpr (std::is_void_v<HandlerResult<InitVerb, S>>) {
    run_handler<InitVerb, S>(core);
    follow_init<S>(core, typename S::Transition{});
  } else {
    follow_init<S>(core, run_handler<InitVerb, S>(core));
  }
}

template <class S>
Term introspect_machine(const ServerCore& core) {
  S& machine = state_of<S>(const_cast<ServerCore&>(core));
  if constexpr (requires { Term{std::as_const(machine).introspect()}; }) {
    return std::as_const(machine).introspect();
  } else {
    return map({{Term{Atom{"state"}}, Term{Atom{MachineAccess::state(machine).name()}}},
                {Term{Atom{"timeouts"}}, Term{MachineAccess::core(machine).timeouts_running()}}});
  }
}

template <class S>
constexpr void refine_machine(ServerVtable& table) {
  table.kind = "GenStatem";
  table.init = &invoke_machine_init<S>;
  table.introspect = &introspect_machine<S>;
}

}  // namespace troupe::detail
