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
  decltype(auto) operator()(State& state) {
    return std::apply(
        [&](A&... a) -> decltype(auto) { return code.callable(state, std::move(a)...); },
        arguments);
  }
};
template <class F, class State, class... A>
using AgentResult = std::invoke_result_t<typename CodeCallable<F>::Type&, State&, A...>;

}  // namespace detail

// A piece of state in a process of its own, read and changed by functions that are sent to it and
// run there, one after the other. Elixir's Agent.
//
//     const auto count = co_await Agent<int>::start_link(self, 0);
//     co_await Agent<int>::update(self, count, [](int& n, int by) { n += by; }, 5);
//     int n = co_await Agent<int>::get(self, count, [](const int& n) { return n; });
//
// The functions capture nothing (or are wrapped in owned); what they need is passed along as
// arguments, which are messages, as is what they return. One that throws ends the agent, and its
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
    detail::AgentCall<F, A...> run;
    using Reply = std::remove_cvref_t<detail::AgentResult<F, const T, A...>>;
  };
  template <class F, class... A>
  struct Update {
    detail::AgentCall<F, A...> run;
    using Reply = void;
  };
  template <class F, class... A>
  struct GetAndUpdate {
    detail::AgentCall<F, A...> run;
    using Reply = std::remove_cvref_t<detail::AgentResult<F, T, A...>>;
  };

  explicit Agent(T value) : value_{std::move(value)} {}
  template <class F, class... A>
  explicit Agent(detail::Code<F> make, A... arguments) : value_{make(std::move(arguments)...)} {}

  template <class F, class... A>
  Get<F, A...>::Reply handle_call(Get<F, A...> request) {
    return request.run(std::as_const(value_));
  }
  template <class F, class... A>
  void handle_call(Update<F, A...> request) {
    change(request.run);
  }
  template <class F, class... A>
  GetAndUpdate<F, A...>::Reply handle_call(GetAndUpdate<F, A...> request) {
    return request.run(value_);
  }
  template <class F, class... A>
  void handle_cast(Update<F, A...> request) {
    change(request.run);
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
  template <class Run>
  void change(Run& run) {
    if constexpr (std::is_convertible_v<decltype(run(value_)), T> &&
                  !std::is_void_v<decltype(run(value_))>) {
      T next = run(value_);
      value_ = std::move(next);
    } else {
      run(value_);
    }
  }

  T value_;
};

}  // namespace troupe
