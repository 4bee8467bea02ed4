// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <troupe/async.hpp>
#include <troupe/detail/take.hpp>
#include <troupe/duration.hpp>
#include <troupe/message.hpp>

namespace troupe {

class Process;

namespace detail {

// -1 for ever; -2 is no time at all, which the runtime refuses.
inline std::int64_t nanoseconds_of(Duration timeout) noexcept {
  const std::int64_t count = timeout.count();
  if (count == infinity.count()) return -1;
  return count < 0 ? -2 : count;
}

// A receive as the runtime sees it: a question to ask about each message in turn. The runtime asks
// without resuming the coroutine, so a message nobody waits for costs one indirect call.
struct Receiver {
  using Match = int (*)(Receiver& self, Envelope* envelope);  // the clause that takes it, or -1

  explicit Receiver(Match match_function, Duration timeout) noexcept
      : match{match_function}, timeout_ns{nanoseconds_of(timeout)} {}

  Match match;
  Envelope* taken = nullptr;  // the message that fitted, already out of the mailbox
  std::int64_t timeout_ns;    // see nanoseconds_of
  int clause = -1;            // which clause took it; -1 with a null `taken`: the timeout
  // Whether it takes calls over: what it takes is answered, or noted with note_call.
  bool serves = false;
};

// Scans the mailbox. True: a message was taken or the timeout is zero, go on at once.
bool begin_receive(Process& self, Receiver& receiver);
// Parks the process until a message fits or the timeout has passed.
void suspend_receive(Process& self, Receiver& receiver) noexcept;

template <class F>
struct ClauseOf : ClauseOf<decltype(&F::operator())> {};
template <class C, class R, class M>
struct ClauseOf<R (C::*)(M)> {
  using Message = std::remove_cvref_t<M>;
  using Result = R;
};
template <class C, class R, class M>
struct ClauseOf<R (C::*)(M) const> : ClauseOf<R (C::*)(M)> {};
template <class C, class R, class M>
struct ClauseOf<R (C::*)(M) noexcept> : ClauseOf<R (C::*)(M)> {};
template <class C, class R, class M>
struct ClauseOf<R (C::*)(M) const noexcept> : ClauseOf<R (C::*)(M)> {};

template <class F>
concept ReceiveClause = requires { typename ClauseOf<F>::Message; };

template <class Guard, class Body>
struct GuardedClause {
  using Message = typename ClauseOf<Body>::Message;
  using Result = typename ClauseOf<Body>::Result;
  Guard guard;
  Body body;
};

template <class Body>
struct AfterClause {
  using Result = decltype(std::declval<Body&>()());
  Duration timeout;
  Body body;
};

template <class Body>
struct PlainClause {
  static_assert(ReceiveClause<Body>,
                "a receive clause is a callable with exactly one parameter, the message it takes: "
                "[&](Deposit m) { ... }; a catch-all takes troupe::Any");
  using Message = typename ClauseOf<Body>::Message;
  using Result = typename ClauseOf<Body>::Result;
  Body body;
};

template <class F>
auto as_clause(F body) {
  return PlainClause<F>{std::move(body)};
}
template <class G, class B>
auto as_clause(GuardedClause<G, B> clause) {
  return clause;
}
template <class B>
auto as_clause(AfterClause<B> clause) {
  return clause;
}

template <class C>
inline constexpr bool is_after = false;
template <class B>
inline constexpr bool is_after<AfterClause<B>> = true;

template <class C>
bool fits(C& clause, Envelope* envelope) {
  if constexpr (is_after<C>) {
    return false;
  } else {
    using M = typename C::Message;
    if constexpr (!std::is_same_v<M, Any>) {
      static_assert(Message<M>,
                    "this clause's parameter is not a message: it refers to something "
                    "it does not own (see troupe/message.hpp)");
      if (!holds<M>(envelope)) return false;
    }
    if constexpr (requires { clause.guard; }) {
      static_assert(!std::is_same_v<M, Any>, "a catch-all clause takes no guard");
      // A guard that fails counts as false, as in Erlang: the message stays where it is.
      try {
        return clause.guard(std::as_const(value_of<M>(envelope)));
      } catch (...) {
        return false;
      }
    }
    return true;
  }
}

template <class C>
typename C::Result run_clause(C& clause, Envelope* envelope) {
  if constexpr (is_after<C>) {
    return clause.body();
  } else if constexpr (std::is_same_v<typename C::Message, Any>) {
    return clause.body(Any{envelope});
  } else {
    using M = typename C::Message;
    struct Release {
      Envelope* envelope;
      ~Release() { free_envelope(envelope); }
    };
    M message = [&] {
      Release release{envelope};
      return M(std::move(value_of<M>(envelope)));
    }();
    return clause.body(std::move(message));
  }
}

template <std::size_t I, class C>
struct Indexed {
  C clause;
};

template <class Indices, class... C>
class ReceiveAwaiter;

template <class... R>
concept HaveACommonType = requires { typename std::common_type_t<R...>; };

// What `self.receive(clauses...)` gives: awaited at once, it yields what the clause that took the
// message returned.
template <std::size_t... I, class... C>
class [[nodiscard(
    "a receive waits only when it is awaited")]] ReceiveAwaiter<std::index_sequence<I...>, C...>
    : Receiver, Indexed<I, C>... {
 public:
  static_assert(HaveACommonType<typename C::Result...>,
                "the clauses of a receive return values of one type, or all of them nothing: that "
                "is the value of the receive");
  using Result = std::common_type_t<typename C::Result...>;

  explicit ReceiveAwaiter(Process& self, C... clauses)
      : Receiver{&match_any, timeout_of(clauses...)},
        Indexed<I, C>{std::move(clauses)}...,
        self_{self} {}
  ReceiveAwaiter(const ReceiveAwaiter&) = delete;
  ~ReceiveAwaiter() {
    if (taken) free_envelope(taken);
  }

  bool await_ready() { return begin_receive(self_, *this); }
  void await_suspend(std::coroutine_handle<>) noexcept { suspend_receive(self_, *this); }
  Result await_resume() {
    Envelope* envelope = take(taken);
    return run<0>(envelope);
  }

 private:
  static Duration timeout_of(const C&... clauses) {
    Duration timeout = infinity;
    (
        [&] {
          if constexpr (is_after<C>) timeout = clauses.timeout;
        }(),
        ...);
    return timeout;
  }

  static int match_any(Receiver& base, Envelope* envelope) {
    auto& self = static_cast<ReceiveAwaiter&>(base);
    int clause = -1;
    (void)((fits(static_cast<Indexed<I, C>&>(self).clause, envelope) ? (clause = int{I}, true)
                                                                     : false) ||
           ...);
    return clause;
  }

  template <std::size_t N>
  Result run(Envelope* envelope) {
    if constexpr (N == sizeof...(C)) {
      std::unreachable();
    } else {
      auto& chosen = at<N>();
      const bool mine =
          envelope ? clause == int{N} : is_after<std::remove_reference_t<decltype(chosen)>>;
      if (mine) return static_cast<Result>(run_clause(chosen, envelope));
      return run<N + 1>(envelope);
    }
  }

  template <std::size_t N>
  auto& at() {
    return pick<N>(*this);
  }
  template <std::size_t N, class X>
  static X& pick(Indexed<N, X>& indexed) {
    return indexed.clause;
  }

  Process& self_;
};

// What `self.receive<M>()` gives: the oldest message of type M.
template <class M>
class [[nodiscard("a receive waits only when it is awaited")]] ReceiveOne : Receiver {
 public:
  explicit ReceiveOne(Process& self) : Receiver{&match_type, infinity}, self_{self} {}
  ReceiveOne(const ReceiveOne&) = delete;
  ~ReceiveOne() {
    if (taken) free_envelope(taken);
  }

  bool await_ready() { return begin_receive(self_, *this); }
  void await_suspend(std::coroutine_handle<>) noexcept { suspend_receive(self_, *this); }
  M await_resume() { return M(std::move(value_of<M>(taken))); }

 private:
  static int match_type(Receiver&, Envelope* envelope) { return holds<M>(envelope) ? 0 : -1; }
  Process& self_;
};

// What `self.receive<M>(timeout)` gives: nothing when the time has passed.
template <class M>
class [[nodiscard("a receive waits only when it is awaited")]] ReceiveOneWithin : Receiver {
 public:
  ReceiveOneWithin(Process& self, Duration timeout) : Receiver{&match_type, timeout}, self_{self} {}
  ReceiveOneWithin(const ReceiveOneWithin&) = delete;
  ~ReceiveOneWithin() {
    if (taken) free_envelope(taken);
  }

  bool await_ready() { return begin_receive(self_, *this); }
  void await_suspend(std::coroutine_handle<>) noexcept { suspend_receive(self_, *this); }
  std::optional<M> await_resume() {
    if (!taken) return std::nullopt;
    return std::optional<M>(std::move(value_of<M>(taken)));
  }

 private:
  static int match_type(Receiver&, Envelope* envelope) { return holds<M>(envelope) ? 0 : -1; }
  Process& self_;
};

// `self.sleep`: a receive that takes nothing.
class [[nodiscard("a sleep waits only when it is awaited")]] Sleep : Receiver {
 public:
  Sleep(Process& self, Duration time) : Receiver{&match_none, time}, self_{self} {}
  Sleep(const Sleep&) = delete;
  bool await_ready() { return begin_receive(self_, *this); }
  void await_suspend(std::coroutine_handle<>) noexcept { suspend_receive(self_, *this); }
  void await_resume() const noexcept {}

 private:
  static int match_none(Receiver&, Envelope*) { return -1; }
  Process& self_;
};

}  // namespace detail

// A clause with a guard: it takes the message only if the guard, which sees it const, is true. A
// guard that throws counts as false.
template <class Guard, detail::ReceiveClause Body>
auto when(Guard guard, Body body) {
  return detail::GuardedClause<Guard, Body>{std::move(guard), std::move(body)};
}

// The clause that runs when nothing has fitted for this long, counted from when the receive began
// to wait: messages that do not fit do not start it anew. Zero searches the mailbox and goes on.
template <class Body>
auto after(Duration timeout, Body body) {
  return detail::AfterClause<Body>{timeout, std::move(body)};
}

}  // namespace troupe
