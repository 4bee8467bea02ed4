// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <chrono>
#include <concepts>
#include <optional>
#include <vector>

#include <troupe/runtime.hpp>
#include <troupe/timer.hpp>

#include "conformance/trace.hpp"

// What the Erlang scripts have in their prelude module, and a few messages that many scenarios use.
namespace troupe::conformance {

// Nobody sends it: who receives it waits until it is ended.
struct Never {};
struct Go {};
struct Stop {};
struct Ready {};
struct Ping {
  Pid from;
};
struct Pong {};
// Sets what the receiver is to end itself with.
struct ExitWith {
  Term reason;
};
// An observation, on its way to the process that prints it.
struct Fact {
  Atom key;
  Term value;
};

// A process body that waits until somebody ends it.
Async<> wait_for_ever(Process& self);
// A process body that ends at once.
void end_at_once(Process& self);
// A process body that ends itself with `reason`, at once or on Go.
void exit_with(Process& self, Term reason);
Async<> exit_on_go(Process& self, Term reason);

// Hides what differs between implementations: {Error, Stack} becomes {Error, stacktrace}, and
// {Why, {Module, Function, Arguments}} becomes {Why, Function}.
Term norm(const Term& reason);
Term norm(const ExitReason& reason);

// Waits for the Down of a monitor and gives its normalised reason.
Async<Term> wait(Process& self, Ref monitor);
// The same for the Exit of a process.
Async<Term> exit_of(Process& self, Pid from);
// Monitors a process and waits for its end.
Async<Term> down(Process& self, Pid pid);
// Spawns `body(arguments...)`, waits for its end and gives the normalised reason.
template <class F, Message... A>
Async<Term> reason_of(Process& self, F body, A... arguments) {
  const Monitored child = spawn_monitor(std::move(body), std::move(arguments)...);
  co_return co_await wait(self, child.ref);
}

// A message as the term it is in Erlang. Types of a scenario's own define to_term beside them.
Term to_term(const Exit& message);
Term to_term(const Down& message);
inline Term to_term(const Term& message) { return message; }
inline Term to_term(int message) { return message; }
inline Term to_term(const Fact& message) { return tuple({message.key, message.value}); }

// Takes everything out of the mailbox without waiting: a list, oldest first. Messages of types
// other than M, Term, Exit and Down appear as {unexpected, TypeName}, which no trace expects.
template <class... M>
Async<Term> msgs(Process& self) {
  std::vector<Term> taken;
  const auto take = [&taken](Any message) {
    Term term = tuple({atom("unexpected"), Term::binary(message.type_name())});
    const auto try_as = [&]<class T>(std::type_identity<T>) {
      if (const T* value = message.get_if<T>()) term = to_term(*value);
    };
    (try_as(std::type_identity<M>{}), ..., try_as(std::type_identity<Term>{}));
    try_as(std::type_identity<Exit>{});
    try_as(std::type_identity<Down>{});
    taken.push_back(std::move(term));
    return true;
  };
  while (co_await self.receive(take, after(Duration{0}, [] { return false; }))) {
  }
  co_return list(taken);
}

// Takes the oldest message that is exactly this term.
Async<> take(Process& self, Term message);
// The same for an atom.
inline Async<> take(Process& self, const char* word) { return take(self, atom(word)); }

// Asks `condition`, which is a coroutine, again and again until it is true.
template <class Condition>
Async<> until(Process& self, Condition condition) {
  while (!co_await condition()) co_await self.sleep(std::chrono::milliseconds{5});
}
// Waits until so many messages are in the process's mailbox.
Async<> queued(Process& self, Pid pid, std::size_t length);

// What is known of a process that is alive.
Async<ProcessInfo> info_of(Process& self, Pid pid);

// `true` if the call returns, {raised, Error} if it throws an error. What Erlang functions that
// return `true` are in C++ returns nothing.
template <std::invocable F>
Term attempt(F call) {
  try {
    call();
    return true;
  } catch (const ErrorException& exception) {
    return tuple({atom("raised"), exception.error()});
  }
}

// `word` if the call throws an error, else what it gives: `true` where it gives nothing.
template <std::invocable F>
Term unless_raised(const char* word, F call) {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
      call();
      return true;
    } else {
      return Term{call()};
    }
  } catch (const ErrorException&) {
    return atom(word);
  }
}

// The distinct terms, in the order of their first appearance, as a list.
Term uniq(const std::vector<Term>& terms);

// What Elixir's functions give for nothing.
inline Term or_nil(Pid pid) { return pid ? Term{pid} : Term{atoms::nil}; }
inline Term or_nil(const Term& term) { return term.is_atom(atoms::undefined) ? Term{} : term; }
// As Erlang's timer functions answer: milliseconds or false.
Term milliseconds_or_false(std::optional<Duration> left);

}  // namespace troupe::conformance
