// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <type_traits>
#include <utility>

#include <troupe/detail/machine.hpp>

// Calls to a GenStatem: events that somebody waits for.
namespace troupe::detail {

// What a handler without a From gave: the reply, and what comes after it. Nothing is answered to a
// call that is postponed.
template <class S, class R, class V>
void finish_machine_call(ServerCore& core, OwnedEnvelope event, V value) {
  using Kept = ReplyValue<R>;
  using Transition = S::Transition;
  const CallHead head = call_head(event.get());
  if constexpr (std::is_same_v<V, Answer<Kept, Transition>>) {
    if (value.value() && !value.next().postpones()) {
      answer_call(head, make_reply<Kept>(head.id, std::move(*value.value())));
    }
    finish_event<S>(core, std::move(event), std::move(value.next()));
  } else {
    answer_call(head, make_reply<Kept>(head.id, Kept(std::move(value))));
    finish_event<S>(core, std::move(event), Transition{});
  }
}

// What a handler with a From gave.
template <class S, class R>
void finish_deferred_call(ServerCore& core, OwnedEnvelope event, From<R>& from,
                          typename S::Transition transition) {
  if (transition.postpones()) from.forget();  // a new one is made when the event comes again
  finish_event<S>(core, std::move(event), std::move(transition));
}

template <class S, class R, class Result>
Async<> await_machine_call(ServerCore& core, OwnedEnvelope event, Result handler) {
  if constexpr (std::is_same_v<Result, Async<>>) {
    co_await handler;
    finish_machine_call<S, R>(core, std::move(event), Done{});
  } else {
    finish_machine_call<S, R>(core, std::move(event), co_await handler);
  }
}
template <class S, class St, class M, class Token>
Async<> await_deferred_call(ServerCore& core, OwnedEnvelope event, St& state) {
  using R = M::Reply;
  Envelope* const envelope = event.get();
  From<R> from{call_head(envelope), type_name<M>()};
  M& message = value_of<Call<M>>(envelope).request;
  auto handler =
      run_in<EventVerb, S, St, M&, Token>(core, state, message, static_cast<Token&&>(from));
  if constexpr (std::is_same_v<decltype(handler), Async<>>) {
    co_await handler;
    finish_event<S>(core, std::move(event), typename S::Transition{});
  } else {
    finish_deferred_call<S, R>(core, std::move(event), from, co_await handler);
  }
}

template <class S, class St, class M, class Token>
void run_deferred_call(ServerCore& core, OwnedEnvelope event, St& state) {
  using R = M::Reply;
  using Result = ResultIn<EventVerb, S, St, M&, Token>;
  using Value = Awaited<Result>::Type;
  static_assert(std::is_void_v<Value> || std::is_same_v<Value, typename S::Transition>,
                "a handle_event that takes a From returns void, Transition, Async<> or "
                "Async<Transition>: the answer goes through the From");
  if constexpr (is_async<Result>) {
    await_later(core, await_deferred_call<S, St, M, Token>(core, std::move(event), state));
  } else {
    From<R> from{call_head(event.get()), type_name<M>()};
    M& message = value_of<Call<M>>(event.get()).request;
    if constexpr (std::is_void_v<Result>) {
      run_in<EventVerb, S, St, M&, Token>(core, state, message, static_cast<Token&&>(from));
      finish_event<S>(core, std::move(event), typename S::Transition{});
    } else {
      auto transition =
          run_in<EventVerb, S, St, M&, Token>(core, state, message, static_cast<Token&&>(from));
      finish_deferred_call<S, R>(core, std::move(event), from, std::move(transition));
    }
  }
}

template <class S, class M>
void invoke_machine_call(ServerCore& core, Envelope* envelope) {
  using R = M::Reply;
  OwnedEnvelope event{envelope};
  S& server = state_of<S>(core);
  MachineAccess::core(server).begin_event();
  auto& current = MachineAccess::state(server);
  current.visit([&]<class St>(St& state) {
    if constexpr (HandlesIn<EventVerb, S, St, M&, From<R>&>) {
      run_deferred_call<S, St, M, From<R>&>(core, std::move(event), state);
    } else if constexpr (HandlesIn<EventVerb, S, St, M&, From<R>>) {
      run_deferred_call<S, St, M, From<R>>(core, std::move(event), state);
    } else if constexpr (HandlesIn<EventVerb, S, St, M&>) {
      using Result = ResultIn<EventVerb, S, St, M&>;
      using Value = StripAnswer<typename Awaited<Result>::Type>::Type;
      static_assert(std::is_void_v<R> ? std::is_void_v<Value> || std::is_same_v<Value, Done>
                                      : std::is_convertible_v<Value, ReplyValue<R>>,
                    "handle_event returns what the call names as its Reply (or an Answer of it), "
                    "or takes a From");
      M& message = value_of<Call<M>>(envelope).request;
      if constexpr (is_async<Result>) {
        auto handler = run_in<EventVerb, S, St, M&>(core, state, message);
        await_later(core, await_machine_call<S, R>(core, std::move(event), std::move(handler)));
      } else if constexpr (std::is_void_v<Result>) {
        run_in<EventVerb, S, St, M&>(core, state, message);
        finish_machine_call<S, R>(core, std::move(event), Done{});
      } else {
        finish_machine_call<S, R>(core, std::move(event),
                                  run_in<EventVerb, S, St, M&>(core, state, message));
      }
    } else {
      refuse_event(type_name<M>(), current.name());
    }
  });
}

}  // namespace troupe::detail
