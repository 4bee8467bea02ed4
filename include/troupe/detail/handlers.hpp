// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <troupe/detail/server_core.hpp>
#include <troupe/from.hpp>

// Finds the handlers of a server type by overload and wraps each in a function the loop can call.
// Every handler may take `Process&` first, and may be a plain function or a coroutine (Async).
namespace troupe::detail {

struct CastVerb {
  template <class S, class... A>
  static auto call(S& server, A&&... a) -> decltype(server.handle_cast(std::forward<A>(a)...)) {
    return server.handle_cast(std::forward<A>(a)...);
  }
};
struct InfoVerb {
  template <class S, class... A>
  static auto call(S& server, A&&... a) -> decltype(server.handle_info(std::forward<A>(a)...)) {
    return server.handle_info(std::forward<A>(a)...);
  }
};
struct ContinueVerb {
  template <class S, class... A>
  static auto call(S& server, A&&... a) -> decltype(server.handle_continue(std::forward<A>(a)...)) {
    return server.handle_continue(std::forward<A>(a)...);
  }
};
struct TimeoutVerb {
  template <class S, class... A>
  static auto call(S& server, A&&... a) -> decltype(server.handle_timeout(std::forward<A>(a)...)) {
    return server.handle_timeout(std::forward<A>(a)...);
  }
};
struct TerminateVerb {
  template <class S, class... A>
  static auto call(S& server, A&&... a) -> decltype(server.terminate(std::forward<A>(a)...)) {
    return server.terminate(std::forward<A>(a)...);
  }
};
struct CallVerb {
  template <class S, class... A>
  static auto call(S& server, A&&... a) -> decltype(server.handle_call(std::forward<A>(a)...)) {
    return server.handle_call(std::forward<A>(a)...);
  }
};

template <class Verb, class S, class... A>
concept Takes = requires(S& server, A&&... a) { Verb::call(server, std::forward<A>(a)...); };

// A GenStatem has one handler function for all kinds of events, and finds it by its state too: see
// machine.hpp, where these are defined.
struct AnyMachine {};
template <class S>
inline constexpr bool is_machine = std::is_base_of_v<AnyMachine, S>;
template <class S, class M>
consteval bool machine_takes();
template <class S, class M>
consteval bool machine_takes_call();
template <class S, class M>
void invoke_machine_event(ServerCore& core, Envelope* envelope);
template <class S, class M>
void invoke_machine_call(ServerCore& core, Envelope* envelope);
template <class S>
void invoke_machine_any(ServerCore& core, Envelope* envelope);
template <class S>
constexpr void refine_machine(ServerVtable& table);

template <class Verb, class S, class... A>
consteval bool machine_handles() {
  constexpr bool is_event = std::is_same_v<Verb, CastVerb> || std::is_same_v<Verb, InfoVerb>;
  if constexpr (is_event && sizeof...(A) == 1 && is_machine<S>) {
    return machine_takes<S, A...>();
  } else {
    return false;
  }
}

// With or without Process& first.
template <class Verb, class S, class... A>
concept Handles =
    Takes<Verb, S, Process&, A...> || Takes<Verb, S, A...> || machine_handles<Verb, S, A...>();

template <class Verb, class S, class... A>
decltype(auto) run_handler(ServerCore& core, A&&... a) {
  S& server = state_of<S>(core);
  if constexpr (Takes<Verb, S, Process&, A...>) {
    return Verb::call(server, *core.self, std::forward<A>(a)...);
  } else {
    return Verb::call(server, std::forward<A>(a)...);
  }
}
template <class Verb, class S, class... A>
using HandlerResult =
    decltype(run_handler<Verb, S, A...>(std::declval<ServerCore&>(), std::declval<A>()...));

template <class T>
struct Awaited {
  using Type = T;
};
template <class T>
struct Awaited<Async<T>> {
  using Type = T;
};

// --- cast, info, continue, timeout: what comes back is nothing or a Next.

template <class Verb, class S, class... A>
Async<> await_handler(ServerCore& core, A... a) {
  using Result = HandlerResult<Verb, S, A...>;
  if constexpr (std::is_same_v<Result, Async<Next>>) {
    Next next = co_await run_handler<Verb, S, A...>(core, std::move(a)...);
    follow(core, next);
  } else {
    co_await run_handler<Verb, S, A...>(core, std::move(a)...);
  }
}

template <class Verb, class S, class... A>
void handle(ServerCore& core, A... a) {
  using Result = HandlerResult<Verb, S, A...>;
  using Value = Awaited<Result>::Type;
  static_assert(std::is_void_v<Value> || std::is_same_v<Value, Next>,
                "this handler returns void, Next, Async<> or Async<Next>");
  if constexpr (is_async<Result>) {
    await_later(core, await_handler<Verb, S, A...>(core, std::move(a)...));
  } else if constexpr (std::is_void_v<Result>) {
    run_handler<Verb, S, A...>(core, std::move(a)...);
  } else {
    Next next = run_handler<Verb, S, A...>(core, std::move(a)...);
    follow(core, next);
  }
}

template <class Verb, class S, class M>
void invoke_message(ServerCore& core, Envelope* envelope) {
  if constexpr (is_machine<S>) {
    invoke_machine_event<S, M>(core, envelope);
  } else {
    handle<Verb, S, M>(core, take_value<M>(envelope));
  }
}
template <class S>
void invoke_any(ServerCore& core, Envelope* envelope) {
  if constexpr (is_machine<S>) {
    invoke_machine_any<S>(core, envelope);
  } else {
    handle<InfoVerb, S, Any>(core, Any{envelope});
  }
}
template <class S>
void invoke_timeout(ServerCore& core) {
  handle<TimeoutVerb, S>(core);
}

// --- call

template <class S, class M>
struct DeducedReply {
  static_assert(Handles<CallVerb, S, M>,
                "a message whose handler takes a From needs `using Reply = ...`");
  using Result = Awaited<HandlerResult<CallVerb, S, M>>::Type;
  using Type = Result;
};
template <class S, class M>
  requires requires { typename M::Reply; }
struct DeducedReply<S, M> {
  using Type = M::Reply;
};
template <class R>
struct StripAnswer {
  using Type = R;
};
template <class R, class Then>
struct StripAnswer<Answer<R, Then>> {
  using Type = R;
};
// The reply to M: M::Reply, or what the handler of S returns.
template <class S, class M>
using ReplyOf = StripAnswer<typename DeducedReply<S, M>::Type>::Type;

// handle_call(M, From<R>) and handle_call(Process&, M, From<R>).
template <class S, class M>
concept DefersCall =
    requires { typename M::Reply; } && Handles<CallVerb, S, M, From<typename M::Reply>>;
template <class S, class M>
consteval bool handles_call() {
  if constexpr (is_machine<S>) {
    return machine_takes_call<S, M>();
  } else {
    return DefersCall<S, M> || Handles<CallVerb, S, M>;
  }
}
template <class S, class M>
concept HandlesCall = handles_call<S, M>();

// A server that may hold its answers back (PersistentServer: until what they tell is saved) derives
// from HoldsReplies, and has `bool hold_reply(const CallHead&, Envelope*)`, which only ReplyHold
// need see; true: the server has taken the answer and sends it later.
struct HoldsReplies {};
struct ReplyHold {
  template <class S>
  static bool hold(S& server, const CallHead& head, Envelope* reply) {
    return server.hold_reply(head, reply);
  }
};
template <class S>
inline constexpr bool holds_replies = std::is_base_of_v<HoldsReplies, S>;

template <class S>
bool is_held(ServerCore& core, const CallHead& head, Envelope* reply) {
  if constexpr (holds_replies<S>) {
    return reply && ReplyHold::hold(state_of<S>(core), head, reply);
  } else {
    return false;
  }
}

template <class S, class R, class V>
void finish_call(ServerCore& core, const CallHead& head, V&& value) {
  using Kept = ReplyValue<R>;
  using Given = std::remove_cvref_t<V>;
  if constexpr (std::is_same_v<Given, Next>) {
    follow(core, value);
  } else if constexpr (std::is_same_v<Given, Answer<Kept>>) {
    Envelope* reply = nullptr;
    if (value.value()) reply = make_reply<Kept>(head.id, std::move(*value.value()));
    if (is_held<S>(core, head, reply)) reply = nullptr;
    follow(core, value.next(), head, reply);
  } else {
    Envelope* reply = make_reply<Kept>(head.id, Kept(std::forward<V>(value)));
    if (!is_held<S>(core, head, reply)) answer_call(head, reply);
  }
}

template <class S, class M>
Async<> await_call(ServerCore& core, CallHead head, M message) {
  using R = ReplyOf<S, M>;
  if constexpr (DefersCall<S, M>) {
    using Token = From<R>;
    using Result = HandlerResult<CallVerb, S, M, Token>;
    if constexpr (std::is_void_v<typename Awaited<Result>::Type>) {
      co_await run_handler<CallVerb, S, M, Token>(core, std::move(message),
                                                  Token{head, type_name<M>()});
    } else {
      finish_call<S, R>(core, head,
                        co_await run_handler<CallVerb, S, M, Token>(core, std::move(message),
                                                                    Token{head, type_name<M>()}));
    }
  } else if constexpr (std::is_void_v<R>) {
    co_await run_handler<CallVerb, S, M>(core, std::move(message));
    finish_call<S, R>(core, head, Done{});
  } else {
    finish_call<S, R>(core, head, co_await run_handler<CallVerb, S, M>(core, std::move(message)));
  }
}

// Whether the handler is a plain function whose result is the reply: then nothing can happen
// between the call and its answer, and the runtime need not note it (see detail/call.hpp).
template <class S, class M>
consteval bool answers_at_once() {
  if constexpr (DefersCall<S, M> || !Handles<CallVerb, S, M> || holds_replies<S>) {
    return false;
  } else {
    using Result = HandlerResult<CallVerb, S, M>;
    return !is_async<Result> &&
           std::is_same_v<Result, typename StripAnswer<std::remove_cvref_t<Result>>::Type>;
  }
}

template <class S, class M>
void answer_in_server(ServerCore& core, Envelope* envelope) {
  using R = ReplyOf<S, M>;
  Call<M> call = take_value<Call<M>>(envelope);
  const CallHead& head = call.head;
  if constexpr (DefersCall<S, M>) {
    using Token = From<R>;
    using Result = HandlerResult<CallVerb, S, M, Token>;
    using Value = Awaited<Result>::Type;
    static_assert(std::is_void_v<Value> || std::is_same_v<Value, Next>,
                  "a handle_call that takes a From returns void, Next, Async<> or Async<Next>: the "
                  "answer goes through the From");
    if constexpr (is_async<Result>) {
      await_later(core, await_call<S, M>(core, head, std::move(call.request)));
    } else if constexpr (std::is_void_v<Result>) {
      run_handler<CallVerb, S, M, Token>(core, std::move(call.request),
                                         Token{head, type_name<M>()});
    } else {
      finish_call<S, R>(core, head,
                        run_handler<CallVerb, S, M, Token>(core, std::move(call.request),
                                                           Token{head, type_name<M>()}));
    }
  } else {
    using Result = HandlerResult<CallVerb, S, M>;
    using Value = StripAnswer<typename Awaited<Result>::Type>::Type;
    static_assert(std::is_void_v<R> == std::is_void_v<Value> &&
                      (std::is_void_v<R> || std::is_convertible_v<Value, ReplyValue<R>>),
                  "handle_call returns what the message names as its Reply (or an Answer of it)");
    if constexpr (is_async<Result>) {
      await_later(core, await_call<S, M>(core, head, std::move(call.request)));
    } else if constexpr (std::is_void_v<Result> && holds_replies<S>) {
      run_handler<CallVerb, S, M>(core, std::move(call.request));
      finish_call<S, R>(core, head, Done{});
    } else if constexpr (std::is_void_v<Result>) {
      static_assert(answers_at_once<S, M>());
      UnansweredCall unanswered{*core.self, head};
      run_handler<CallVerb, S, M>(core, std::move(call.request));
      unanswered.answer(make_reply<Done>(head.id, Done{}));
    } else if constexpr (answers_at_once<S, M>()) {
      UnansweredCall unanswered{*core.self, head};
      unanswered.answer(make_reply<ReplyValue<R>>(
          head.id, ReplyValue<R>(run_handler<CallVerb, S, M>(core, std::move(call.request)))));
    } else {
      finish_call<S, R>(core, head, run_handler<CallVerb, S, M>(core, std::move(call.request)));
    }
  }
}

template <class S, class M>
void invoke_call(ServerCore& core, Envelope* envelope) {
  if constexpr (is_machine<S>) {
    invoke_machine_call<S, M>(core, envelope);
  } else {
    answer_in_server<S, M>(core, envelope);
  }
}

}  // namespace troupe::detail
