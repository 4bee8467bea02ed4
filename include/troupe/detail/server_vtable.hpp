// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <troupe/detail/handlers.hpp>

namespace troupe {

// A list of message types: what a server names as its `Messages` (and `Info`).
template <class... M>
struct Messages {};

template <class S>
class GenServer;

namespace detail {

// The loop's key to GenServer's one private member.
struct TornMark {
  template <class S>
  static void set(GenServer<S>& server) noexcept {
    server.torn_ = true;
  }
};

// --- The constants per server type.

struct Routes {
  static constexpr std::size_t limit = 96;
  Route all[limit] = {};
  std::uint32_t count = 0;
  constexpr void add(const MessageType* message, RequestRole role, Invoke invoke,
                     bool answers_at_once = false) {
    all[count++] = Route{message, role, invoke, answers_at_once};
  }
};

template <class S, class M>
consteval void add_listed(Routes& routes) {
  static_assert(Message<M>,
                "a type in the server's Messages is not a message: it refers to "
                "something it does not own (see troupe/message.hpp)");
  static_assert(HandlesCall<S, M> || Handles<CastVerb, S, M> || Handles<InfoVerb, S, M>,
                "a type in the server's Messages has no public handle_call, handle_cast or "
                "handle_info");
  if constexpr (HandlesCall<S, M>) {
    routes.add(&message_type<M>, RequestRole::call, &invoke_call<S, M>, answers_at_once<S, M>());
  }
  if constexpr (Handles<CastVerb, S, M>) {
    routes.add(&message_type<M>, RequestRole::cast, &invoke_message<CastVerb, S, M>);
  }
  if constexpr (Handles<InfoVerb, S, M>) {
    routes.add(&message_type<M>, RequestRole::info, &invoke_message<InfoVerb, S, M>);
  }
}
template <class S, class M>
consteval void add_info(Routes& routes) {
  static_assert(Handles<InfoVerb, S, M>, "a type in the server's Info has no public handle_info");
  routes.add(&message_type<M>, RequestRole::info, &invoke_message<InfoVerb, S, M>);
}
template <class S, class... M>
consteval void add_listed(Routes& routes, Messages<M...>*) {
  (add_listed<S, M>(routes), ...);
}
template <class S, class... M>
consteval void add_info(Routes& routes, Messages<M...>*) {
  (add_info<S, M>(routes), ...);
}

template <class S>
consteval Routes find_routes() {
  Routes routes;
  if constexpr (requires { typename S::Messages; }) {
    add_listed<S>(routes, static_cast<typename S::Messages*>(nullptr));
  }
  if constexpr (requires { typename S::Info; }) {
    add_info<S>(routes, static_cast<typename S::Info*>(nullptr));
  }
  if constexpr (Handles<InfoVerb, S, Exit>) add_info<S, Exit>(routes);
  if constexpr (Handles<InfoVerb, S, Down>) add_info<S, Down>(routes);
  return routes;
}
// Only as long as what is in it.
template <std::uint32_t N>
struct RouteTable {
  Route all[N == 0 ? 1 : N];
};
template <class S>
consteval auto make_route_table() {
  constexpr Routes routes = find_routes<S>();
  RouteTable<routes.count> table{};
  for (std::uint32_t i = 0; i < routes.count; ++i) table.all[i] = routes.all[i];
  return table;
}
template <class S>
inline constexpr auto route_table = make_route_table<S>();

template <class S>
void destroy_cell(ServerCore& core) noexcept {
  auto& cell = static_cast<ServerCell<S>&>(core);
  cell.state.~S();
  cell.~ServerCell<S>();
  deallocate(&cell, sizeof(ServerCell<S>));
}

template <class S>
void mark_torn(ServerCore& core) noexcept {
  TornMark::set(state_of<S>(core));
}

struct InitVerb {
  template <class S, class... A>
  static auto call(S& server, A&&... a) -> decltype(server.init(std::forward<A>(a)...)) {
    return server.init(std::forward<A>(a)...);
  }
};

template <class S>
Async<> await_init(ServerCore& core) {
  if constexpr (std::is_void_v<typename Awaited<HandlerResult<InitVerb, S>>::Type>) {
    co_await run_handler<InitVerb, S>(core);
  } else {
    Init init = co_await run_handler<InitVerb, S>(core);
    follow(core, init);
  }
}
template <class S>
void invoke_init(ServerCore& core) {
  using Result = HandlerResult<InitVerb, S>;
  if constexpr (is_async<Result>) {
    await_later(core, await_init<S>(core));
  } else if constexpr (std::is_void_v<Result>) {
    run_handler<InitVerb, S>(core);
  } else {
    Init init = run_handler<InitVerb, S>(core);
    follow(core, init);
  }
}

template <class S>
void invoke_terminate(ServerCore& core, const ExitReason& reason) {
  const auto run = [&](auto&&... a) {
    using Result = HandlerResult<TerminateVerb, S, decltype(a)...>;
    if constexpr (is_async<Result>) {
      await_later(core, run_handler<TerminateVerb, S>(core, std::forward<decltype(a)>(a)...));
    } else {
      run_handler<TerminateVerb, S>(core, std::forward<decltype(a)>(a)...);
    }
  };
  if constexpr (Handles<TerminateVerb, S, ExitReason>) {
    run(ExitReason{reason});
  } else {
    run();
  }
}

template <class S>
constexpr ServerVtable make_vtable() {
  ServerVtable table{};
  table.kind = "GenServer";
  table.type = type_name<S>();
  table.destroy = &destroy_cell<S>;
  table.mark_torn = &mark_torn<S>;
  if constexpr (Handles<InitVerb, S> && !is_machine<S>) table.init = &invoke_init<S>;
  if constexpr (Handles<TimeoutVerb, S>) table.timeout = &invoke_timeout<S>;
  if constexpr (Handles<TerminateVerb, S, ExitReason> || Handles<TerminateVerb, S>) {
    table.terminate = &invoke_terminate<S>;
  }
  if constexpr (Handles<InfoVerb, S, Any>) table.any = &invoke_any<S>;
  if constexpr (requires(const S& state) { Term{state.introspect()}; }) {
    table.introspect = [](const ServerCore& core) -> Term {
      return static_cast<const ServerCell<S>&>(core).state.introspect();
    };
  }
  if constexpr (requires(const S& state) { Term{state.format_status()}; }) {
    table.format_status = [](const ServerCore& core) -> Term {
      return static_cast<const ServerCell<S>&>(core).state.format_status();
    };
  }
  table.routes = route_table<S>.all;
  table.route_count = find_routes<S>().count;
  if constexpr (is_machine<S>) refine_machine<S>(table);
  return table;
}
template <class S>
inline constexpr ServerVtable server_vtable = make_vtable<S>();

template <class S>
const Behaviour* behaviour_for() noexcept {
  if constexpr (requires { S::behaviour(); }) {
    return S::behaviour();
  } else {
    return &server_vtable<S>;
  }
}

// --- The constants per server and message type: the types of the envelopes.

template <class S, class M>
inline constexpr RequestType call_type = request_type<Call<M>, M>(
    RequestRole::call, &server_vtable<S>, &invoke_call<S, M>, answers_at_once<S, M>());
template <class S, class M>
inline constexpr RequestType cast_type =
    request_type<M, M>(RequestRole::cast, &server_vtable<S>, &invoke_message<CastVerb, S, M>);
template <class S, class M>
inline constexpr RequestType info_type =
    request_type<M, M>(RequestRole::info, &server_vtable<S>, &invoke_message<InfoVerb, S, M>);
template <class S, class M>
inline constexpr RequestType continuation_type = request_type<M, M>(
    RequestRole::continuation, &server_vtable<S>, &invoke_message<ContinueVerb, S, M>);

template <class M>
inline constexpr RequestType dynamic_call_type =
    request_type<Call<M>, M>(RequestRole::call, nullptr, nullptr);
template <class M>
inline constexpr RequestType dynamic_cast_type =
    request_type<M, M>(RequestRole::cast, nullptr, nullptr);

template <class V>
[[nodiscard]] Envelope* make_request(const RequestType& type, V value) {
  Envelope* envelope = make_envelope<V>(std::move(value));
  envelope->type = &type;
  return envelope;
}

}  // namespace detail
}  // namespace troupe
