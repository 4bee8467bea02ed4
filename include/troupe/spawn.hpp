// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include <troupe/process.hpp>

namespace troupe {

struct SpawnOptions {
  Priority priority = Priority::normal;
  std::string label = {};
  bool link = false;     // to the process that spawns, before the new one runs
  bool monitor = false;  // likewise
};

// What spawn_monitor gives: the new process, and the reference its Down will carry.
struct Monitored {
  Pid pid;
  Ref ref;
};

// A callable with captures, to be stored beside the frame of the process it becomes. Only what it
// captures by value is safe: a capture by reference outlives its owner as soon as the creator
// returns, and no compiler warns of it.
template <class F>
struct Owned {
  F callable;
};
template <class F>
Owned<F> owned(F callable) {
  return Owned<F>{std::move(callable)};
}

namespace detail {

// A process before its first step: the slot is taken, the body is not there yet.
struct Newborn {
  Process* process;
  Pid pid;
  Ref monitor;
};

// Takes a slot; nothing (a null process) if the caller is ending. Throws
// ErrorException{system_limit} when the runtime is full. `runtime` null: the caller's own.
Newborn conceive(Runtime* runtime, const SpawnOptions& options);
// Gives the slot back: the body could not be made.
void abandon(const Newborn& newborn) noexcept;
// Gives the process its body and makes it runnable.
void launch(const Newborn& newborn, Async<> body, std::string_view body_name) noexcept;
// Replaces the body of the running process: hibernate.
void replace_body(Process& self, Async<> body, std::string_view body_name) noexcept;

template <class F>
struct TakesByReference {
  static constexpr bool value = false;
};
template <class R, class P, class... A>
struct TakesByReference<R (*)(P, A...)> {
  static constexpr bool value = (std::is_reference_v<A> || ...);
};
template <class F>
  requires requires { &F::operator(); }
struct TakesByReference<F> : TakesByReference<decltype(&F::operator())> {};
template <class C, class R, class P, class... A>
struct TakesByReference<R (C::*)(P, A...) const> {
  static constexpr bool value = (std::is_reference_v<A> || ...);
};
template <class C, class R, class P, class... A>
struct TakesByReference<R (C::*)(P, A...)> {
  static constexpr bool value = (std::is_reference_v<A> || ...);
};

template <class F, class... A>
Async<> run_plain(Process& self, F body, A... arguments) {
  co_return static_cast<void>(body(self, std::move(arguments)...));
}
template <class F, class... A>
Async<> run_async(Process& self, F body, A... arguments) {
  (void)co_await body(self, std::move(arguments)...);
}

// The body of a process as an Async<>, with everything it needs stored in its frame.
template <class F, class... A>
Async<> make_body(Process& self, F body, A... arguments) {
  static_assert(std::is_invocable_v<F&, Process&, A...>,
                "a process body is called with (Process& self, arguments...); these arguments do "
                "not fit its parameters");
  static_assert(std::is_empty_v<F> || std::is_pointer_v<F>,
                "a process body must not capture: pass what it needs as arguments, or wrap a "
                "callable that owns its captures in troupe::owned(f)");
  static_assert(!TakesByReference<F>::value,
                "a process body takes its arguments by value: a reference would outlive what it "
                "refers to (Process& self is the only exception)");
  using Result = std::invoke_result_t<F&, Process&, A...>;
  if constexpr (std::is_same_v<Result, Async<>>) {
    return body(self, std::move(arguments)...);
  } else if constexpr (is_async<Result>) {
    return run_async(self, std::move(body), std::move(arguments)...);
  } else {
    return run_plain(self, std::move(body), std::move(arguments)...);
  }
}

template <class F, class... A>
Async<> make_body(Process& self, Owned<F> body, A... arguments) {
  static_assert(std::is_invocable_v<F&, Process&, A...>,
                "a process body is called with (Process& self, arguments...); these arguments do "
                "not fit its parameters");
  using Result = std::invoke_result_t<F&, Process&, A...>;
  if constexpr (is_async<Result>) {
    return run_async(self, std::move(body.callable), std::move(arguments)...);
  } else {
    return run_plain(self, std::move(body.callable), std::move(arguments)...);
  }
}

template <class F, class... A>
Newborn start(Runtime* runtime, const SpawnOptions& options, F body, A... arguments) {
  static constexpr std::string_view name = type_name<F>();
  const Newborn newborn = conceive(runtime, options);
  if (!newborn.process) return newborn;  // a destructor of an ending process: spawns nothing
  try {
    launch(newborn, make_body(*newborn.process, std::move(body), std::move(arguments)...), name);
  } catch (...) {
    abandon(newborn);
    throw;
  }
  return newborn;
}

}  // namespace detail

// Starts a process that runs `body(self, arguments...)`: a coroutine, or a plain function. The body
// is captureless (or wrapped in owned), and the arguments are messages, because the new process
// shares nothing with its creator. Returns at once. Throws ErrorException{system_limit} when the
// runtime's process limit is reached; nothing is lost then.
template <class F, Message... A>
Pid spawn(F body, A... arguments) {
  return detail::start(nullptr, SpawnOptions{}, std::move(body), std::move(arguments)...).pid;
}
template <class F, Message... A>
Monitored spawn_with(const SpawnOptions& options, F body, A... arguments) {
  const auto born = detail::start(nullptr, options, std::move(body), std::move(arguments)...);
  return Monitored{born.pid, born.monitor};
}

// As spawn; the link is there before the new process runs its first instruction.
template <class F, Message... A>
Pid spawn_link(F body, A... arguments) {
  return detail::start(nullptr, SpawnOptions{.link = true}, std::move(body),
                       std::move(arguments)...)
      .pid;
}

// As spawn; the monitor is there before the new process runs its first instruction.
template <class F, Message... A>
Monitored spawn_monitor(F body, A... arguments) {
  const auto born = detail::start(nullptr, SpawnOptions{.monitor = true}, std::move(body),
                                  std::move(arguments)...);
  return Monitored{born.pid, born.monitor};
}

// From outside: on this runtime.
template <class F, Message... A>
Pid spawn(Runtime& runtime, F body, A... arguments) {
  return detail::start(&runtime, SpawnOptions{}, std::move(body), std::move(arguments)...).pid;
}

template <class F, Message... A>
detail::Yield Process::hibernate(F f, A... arguments) {
  detail::replace_body(*this, detail::make_body(*this, std::move(f), std::move(arguments)...),
                       detail::type_name<F>());
  return detail::Yield{*this};
}

}  // namespace troupe
