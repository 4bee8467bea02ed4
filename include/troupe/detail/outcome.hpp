// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <type_traits>

#include <troupe/async.hpp>

// What retry and CircuitBreaker do with a user's `f(self)`, which may be plain or a coroutine.
namespace troupe {

class Process;

namespace detail {

template <class T>
struct OutcomeType {
  using Type = T;
};
template <class T>
struct OutcomeType<Async<T>> {
  using Type = T;
};
template <class F>
using OutcomeOf = OutcomeType<std::invoke_result_t<F&, Process&>>::Type;

// A std::expected: an outcome that says by itself whether it is a failure.
template <class R>
concept PlannedOutcome = requires(const R& result) {
  { result.has_value() } -> std::same_as<bool>;
  result.error();
};

// f stays where it is until this is done.
template <class F>
Async<OutcomeOf<F>> outcome_of(Process& self, F& f) {
  using Given = std::invoke_result_t<F&, Process&>;
  if constexpr (is_async<Given>) {
    co_return co_await f(self);
  } else {
    co_return f(self);
  }
}
template <class F>
  requires std::is_void_v<OutcomeOf<F>>
Async<> outcome_of(Process& self, F& f) {
  if constexpr (is_async<std::invoke_result_t<F&, Process&>>) {
    co_await f(self);
  } else {
    f(self);
  }
  co_return;
}

}  // namespace detail
}  // namespace troupe
