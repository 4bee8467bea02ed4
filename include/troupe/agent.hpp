// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <troupe/detail/task_body.hpp>
#include <troupe/gen_server.hpp>

namespace troupe {

namespace detail {

// A function and the arguments that go with it, on their way into an agent.
template <class F, class... A>
struct AgentCall {
  Code<F> code;
  std::tuple<A...> arguments;
  template <class State>
  decltype(auto) operator()(Process& self, State& state) {
    return std::apply(
        [&](A&... a) -> decltype(auto) {
          if constexpr (std::is_invocable_v<decltype(code.callable)&, Process&, State&, A...>) {
            return code.callable(self, state, std::move(a)...);
          } else {
            return code.callable(state, std::move(a)...);
          }
        },
        arguments);
  }
};
// What the function gives: an Async of it where it waits.
template <class F, class State, class... A>
using AgentGiven =
    decltype(std::declval<AgentCall<F, A...>&>()(std::declval<Process&>(), std::declval<State&>()));
template <class F, class State, class... A>
using AgentResult = Awaited<AgentGiven<F, State, A...>>::Type;

}  // namespace detail

// A piece of state in a process of its own, read and changed by functions that are sent to it and
// run there, one after the other. Elixir's Agent.
//
//     const auto count = co_await Agent<int>::start_link(self, 0);
//     co_await Agent<int>::update(self, count, [](int& n, int by) { n += by; }, 5);
//     int n = co_await Agent<int>::get(self, count, [](const int& n) { return n; });
//
// The functions capture nothing (or are wrapped in owned); what they need is passed along as
// arguments, which are messages, as is what they return. They may take Process& first, and then may
// be coroutines: the agent is theirs until they are done. One that throws ends the agent, and its
// caller with it unless it plans for that (CallException).
template <class T>
class Agent : public GenServer<Agent<T>> {
 public:
  using Ref = ServerRef<Agent>;

  // --- For its users. start, start_link and so on are GenServer's: from a value, or from a
  // function that makes it in the new process.

  // f(const T&, arguments...), and gives what it returned.
  template <class F, Message... A>
  static auto get(Process& self, Ref agent, F f, A... arguments) {
    return call(self, agent, Get<F, A...>{pack(std::move(f), std::move(arguments)...)});
  }
  // f(T&, arguments...), which changes the state in place or returns a new one.
  template <class F, Message... A>
  static auto update(Process& self, Ref agent, F f, A... arguments) {
    return call(self, agent, Update<F, A...>{pack(std::move(f), std::move(arguments)...)});
  }
  // f(T&, arguments...), which changes the state in place; gives what it returned.
  template <class F, Message... A>
  static auto get_and_update(Process& self, Ref agent, F f, A... arguments) {
    return call(self, agent, GetAndUpdate<F, A...>{pack(std::move(f), std::move(arguments)...)});
  }
  // As update, without waiting.
  template <class F, Message... A>
  static void cast(Ref agent, F f, A... arguments) {
    troupe::cast(agent, Update<F, A...>{pack(std::move(f), std::move(arguments)...)});
  }

  // The same with a time limit; the change happens all the same when it has passed.
  template <class F, Message... A>
  static auto get_within(Process& self, Duration timeout, Ref agent, F f, A... arguments) {
    return call(self, agent, Get<F, A...>{pack(std::move(f), std::move(arguments)...)}, timeout);
  }
  template <class F, Message... A>
  static auto update_within(Process& self, Duration timeout, Ref agent, F f, A... arguments) {
    return call(self, agent, Update<F, A...>{pack(std::move(f), std::move(arguments)...)}, timeout);
  }
  template <class F, Message... A>
  static auto get_and_update_within(Process& self, Duration timeout, Ref agent, F f,
                                    A... arguments) {
    return call(self, agent, GetAndUpdate<F, A...>{pack(std::move(f), std::move(arguments)...)},
                timeout);
  }

  // --- The server.

  template <class F, class... A>
  struct Get {
    static constexpr bool waits = detail::is_async<detail::AgentGiven<F, const T, A...>>;
    detail::AgentCall<F, A...> run;
    using Reply = std::remove_cvref_t<detail::AgentResult<F, const T, A...>>;
  };
  template <class F, class... A>
  struct Update {
    static constexpr bool waits = detail::is_async<detail::AgentGiven<F, T, A...>>;
    detail::AgentCall<F, A...> run;
    using Reply = void;
  };
  template <class F, class... A>
  struct GetAndUpdate {
    static constexpr bool waits = detail::is_async<detail::AgentGiven<F, T, A...>>;
    detail::AgentCall<F, A...> run;
    using Reply = std::remove_cvref_t<detail::AgentResult<F, T, A...>>;
  };

  explicit Agent(T value) : value_{std::move(value)} {}
  template <class F, class... A>
  explicit Agent(detail::Code<F> make, A... arguments) : value_{make(std::move(arguments)...)} {}

  template <class F, class... A>
    requires(!Get<F, A...>::waits)
  Get<F, A...>::Reply handle_call(Process& self, Get<F, A...> request) {
    return request.run(self, std::as_const(value_));
  }
  template <class F, class... A>
    requires Get<F, A...>::waits
  Async<typename Get<F, A...>::Reply> handle_call(Process& self, Get<F, A...> request) {
    co_return co_await request.run(self, std::as_const(value_));
  }
  template <class F, class... A>
    requires(!Update<F, A...>::waits)
  void handle_call(Process& self, Update<F, A...> request) {
    change(self, request.run);
  }
  template <class F, class... A>
    requires Update<F, A...>::waits
  Async<> handle_call(Process& self, Update<F, A...> request) {
    co_await change_slowly(self, request.run);
  }
  template <class F, class... A>
    requires(!GetAndUpdate<F, A...>::waits)
  GetAndUpdate<F, A...>::Reply handle_call(Process& self, GetAndUpdate<F, A...> request) {
    return request.run(self, value_);
  }
  template <class F, class... A>
    requires GetAndUpdate<F, A...>::waits
  Async<typename GetAndUpdate<F, A...>::Reply> handle_call(Process& self,
                                                           GetAndUpdate<F, A...> request) {
    co_return co_await request.run(self, value_);
  }
  template <class F, class... A>
    requires(!Update<F, A...>::waits)
  void handle_cast(Process& self, Update<F, A...> request) {
    change(self, request.run);
  }
  template <class F, class... A>
    requires Update<F, A...>::waits
  Async<> handle_cast(Process& self, Update<F, A...> request) {
    co_await change_slowly(self, request.run);
  }
  // The value where it is a term, a text, or says itself what it is as one; else its type, and how
  // many elements it has.
  Term introspect() const {
    if constexpr (requires { Term{value_.introspect()}; }) {
      return value_.introspect();
    } else if constexpr (std::is_convertible_v<const T&, Term>) {
      return Term{value_};
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      return Term::binary(std::string_view{value_});
    } else if constexpr (requires { Term{value_.size()}; }) {
      return map({{Term{Atom{"type"}}, Term::binary(detail::type_name<T>())},
                  {Term{Atom{"size"}}, Term{value_.size()}}});
    } else {
      return map({{Term{Atom{"type"}}, Term::binary(detail::type_name<T>())}});
    }
  }

 private:
  template <class F, class... A>
  static detail::AgentCall<F, A...> pack(F f, A... arguments) {
    return {detail::Code<F>{std::move(f)}, std::tuple<A...>(std::move(arguments)...)};
  }
  // A result of the state's type is the new state.
  template <class Result>
  static constexpr bool is_state = std::is_convertible_v<Result, T> && !std::is_void_v<Result>;

  template <class Run>
  void change(Process& self, Run& run) {
    if constexpr (is_state<decltype(run(self, value_))>) {
      T next = run(self, value_);
      value_ = std::move(next);
    } else {
      run(self, value_);
    }
  }
  template <class Run>
  Async<> change_slowly(Process& self, Run& run) {
    if constexpr (is_state<typename detail::Awaited<decltype(run(self, value_))>::Type>) {
      T next = co_await run(self, value_);
      value_ = std::move(next);
    } else {
      co_await run(self, value_);
    }
  }

  T value_;
};

}  // namespace troupe
