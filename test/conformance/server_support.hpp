// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <expected>
#include <utility>

#include <troupe/gen_server.hpp>

#include "conformance/support.hpp"

// What the scripts about behaviours have in their prelude module.
namespace troupe::conformance {

namespace detail {
// What `co_await` gives for an awaitable of type A.
template <class A>
auto given_by(A&& awaitable) {
  if constexpr (requires { std::forward<A>(awaitable).operator co_await(); }) {
    return std::type_identity<decltype(awaitable.operator co_await().await_resume())>{};
  } else {
    return std::type_identity<decltype(awaitable.await_resume())>{};
  }
}
template <class F>
using GivenBy = decltype(given_by(std::declval<std::invoke_result_t<F&>>()))::type;
}  // namespace detail

// The result of a wait: {ok, Value}, or {exit, Reason} with the normalised reason of the exit that
// it threw. What gives nothing in C++ gives `ok` in Erlang.
template <class F>
Async<Term> catch_exit(F wait) {
  try {
    if constexpr (std::is_void_v<detail::GivenBy<F>>) {
      co_await wait();
      co_return tuple({atoms::ok, atoms::ok});
    } else {
      co_return tuple({atoms::ok, to_term(co_await wait())});
    }
  } catch (const ExitException& exit) {
    co_return tuple({atoms::exit, norm(exit.reason())});
  }
}

// As the start functions answer: {ok, true} for a process, `ignore`, {error, Reason}.
Term to_term(const StartError& error);
template <class T>
Term to_term(const std::expected<T, StartError>& started) {
  return started ? tuple({atoms::ok, true}) : to_term(started.error());
}

// `ok` for a call that returns nothing, as Erlang's counterpart does; {raised, Error} if it throws.
template <std::invocable F>
  requires std::is_void_v<std::invoke_result_t<F>>
Term ok(F call) {
  const Term done = attempt(std::move(call));
  return done == Term{true} ? Term{atoms::ok} : done;
}
// The same for a wait.
Async<Term> ok(Async<> wait);

// Whether so much time has passed since `start`.
inline bool has_passed(Process& self, Duration start, Duration time) {
  return self.monotonic_time() - start >= time;
}

// A server that ends with the reason it is told.
struct Ends : GenServer<Ends> {
  Next handle_cast(ExitWith m) { return Next::stop(std::move(m.reason)); }
};

// A server whose init is the function that it is started with.
struct InitIs : GenServer<InitIs> {
  using How = Init (*)(Process&);
  explicit InitIs(How how) : how_{how} {}
  Init init(Process& self) { return how_(self); }

 private:
  How how_;
};

}  // namespace troupe::conformance
