// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <exception>
#include <expected>
#include <type_traits>
#include <utility>

#include <troupe/sys.hpp>

// Functions that run on a server's state from outside: sys::read_state and replace_state.
namespace troupe::detail {

// An exception, as a term that may leave its process.
Term term_of(std::exception_ptr failure);

template <class F>
struct StateRequest {
  F f;
};

template <class F, class... A>
auto guarded(F& f, A&&... a) -> std::expected<std::invoke_result_t<F&, A...>, Term> {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, A...>>) {
      f(std::forward<A>(a)...);
      return {};
    } else {
      return f(std::forward<A>(a)...);
    }
  } catch (...) {
    return std::unexpected(term_of(std::current_exception()));
  }
}

template <class S, class F>
void invoke_read(ServerCore& core, Envelope* envelope) {
  const CallHead head = call_head(envelope);
  F f = take_value<Call<StateRequest<F>>>(envelope).request.f;
  answer_call(head, make_reply(head.id, guarded(f, std::as_const(state_of<S>(core)))));
}

template <class S, class F>
void invoke_replace(ServerCore& core, Envelope* envelope) {
  const CallHead head = call_head(envelope);
  F f = take_value<Call<StateRequest<F>>>(envelope).request.f;
  S& state = state_of<S>(core);
  if constexpr (std::is_copy_constructible_v<S> && std::is_move_assignable_v<S>) {
    S copy(std::as_const(state));
    auto result = guarded(f, copy);
    if (result) state = std::move(copy);
    answer_call(head, make_reply(head.id, std::move(result)));
  } else {
    answer_call(head, make_reply(head.id, guarded(f, state)));
  }
}

template <class S, class F>
inline constexpr RequestType read_type = request_type<Call<StateRequest<F>>, StateRequest<F>>(
    RequestRole::system, &server_vtable<S>, &invoke_read<S, F>);
template <class S, class F>
inline constexpr RequestType replace_type = request_type<Call<StateRequest<F>>, StateRequest<F>>(
    RequestRole::system, &server_vtable<S>, &invoke_replace<S, F>);

template <class R, class S, class F>
Async<R> access_state(Process& self, ServerRef<S> server, const RequestType& type, F f,
                      Duration timeout) {
  static_assert(std::is_empty_v<F> || std::is_pointer_v<F>,
                "this function runs in the server, so it must not capture");
  static_assert(std::is_void_v<R> || Message<R>,
                "what this function returns is no message: it refers to something it does not own");
  std::expected<R, Term> result = co_await CallAwaiter<std::expected<R, Term>, false>{
      self, CallTarget::of(server),
      OwnedEnvelope{make_request(type, Call<StateRequest<F>>{CallHead{}, {std::move(f)}})},
      timeout};
  if (!result) throw ErrorException{std::move(result.error())};
  if constexpr (!std::is_void_v<R>) co_return std::move(*result);
}

}  // namespace troupe::detail

namespace troupe::sys {

template <class S, class F>
auto read_state(Process& self, ServerRef<S> server, F f, Duration timeout) {
  using R = std::invoke_result_t<F&, const S&>;
  return detail::access_state<R>(self, server, detail::read_type<S, F>, std::move(f), timeout);
}

template <class S, class F>
auto replace_state(Process& self, ServerRef<S> server, F f, Duration timeout) {
  using R = std::invoke_result_t<F&, S&>;
  return detail::access_state<R>(self, server, detail::replace_type<S, F>, std::move(f), timeout);
}

}  // namespace troupe::sys
