// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <type_traits>
#include <utility>

#include <troupe/detail/handlers.hpp>
#include <troupe/detail/machine_states.hpp>

// Finds the handlers of a GenStatem by state and event.
namespace troupe::detail {

struct EventVerb {
  template <class S, class... A>
  static auto call(S& machine, A&&... a) -> decltype(machine.handle_event(std::forward<A>(a)...)) {
    return machine.handle_event(std::forward<A>(a)...);
  }
};
struct EnterVerb {
  template <class S, class... A>
  static auto call(S& machine, A&&... a) -> decltype(machine.state_enter(std::forward<A>(a)...)) {
    return machine.state_enter(std::forward<A>(a)...);
  }
};

// A state as handlers take it: an enumerator by value, an object by reference.
template <class St>
using StateParameter = std::conditional_t<std::is_enum_v<St>, St, St&>;

// The handler for A in state St: one that names the state before one for all of them.
template <class Verb, class S, class St, class... A>
concept HandlesIn = Handles<Verb, S, StateParameter<St>, A...> || Handles<Verb, S, A...>;

template <class Verb, class S, class St, class... A>
decltype(auto) run_in(ServerCore& core, St& state, A&&... a) {
  if constexpr (Handles<Verb, S, StateParameter<St>, A...>) {
    return run_handler<Verb, S, StateParameter<St>, A...>(
        core, static_cast<StateParameter<St>>(state), std::forward<A>(a)...);
  } else {
    return run_handler<Verb, S, A...>(core, std::forward<A>(a)...);
  }
}
template <class Verb, class S, class St, class... A>
using ResultIn = decltype(run_in<Verb, S, St, A...>(std::declval<ServerCore&>(),
                                                    std::declval<St&>(), std::declval<A>()...));

// --- Which events a machine has handlers for.

template <class S, class St, class M>
consteval bool takes_call_in() {
  if constexpr (requires { typename M::Reply; }) {
    using Token = From<typename M::Reply>;
    return HandlesIn<EventVerb, S, St, M&, Token&> || HandlesIn<EventVerb, S, St, M&, Token> ||
           HandlesIn<EventVerb, S, St, M&>;
  } else {
    return false;
  }
}
template <class S, class M, class... St>
consteval bool takes_event(TypeList<St...>) {
  return (HandlesIn<EventVerb, S, St, M&> || ...);
}
template <class S, class M, class... St>
consteval bool takes_call(TypeList<St...>) {
  return (takes_call_in<S, St, M>() || ...);
}
// A message that names its Reply is a call, any other an event that nobody waits for.
template <class S, class M>
consteval bool machine_takes() {
  if constexpr (requires { typename M::Reply; }) {
    return false;
  } else {
    return takes_event<S, M>(typename S::States::Types{});
  }
}
template <class S, class M>
consteval bool machine_takes_call() {
  return takes_call<S, M>(typename S::States::Types{});
}

}  // namespace troupe::detail
