// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/detail/shared.hpp>
#include <troupe/gen_server.hpp>
#include <troupe/spawn.hpp>

namespace troupe {

// Whether a supervisor starts a child again that has ended by itself.
enum class Restart : std::uint8_t {
  permanent,  // always
  transient,  // only after an abnormal end: not for normal, shutdown and {shutdown, _}
  temporary,  // never, and its specification is forgotten
};
using enum Restart;

enum class ChildType : std::uint8_t { worker, supervisor };

// --- Beyond OTP, and off unless a specification asks for it.

// A pause before each restart, which grows from `first`, times `growth` each, up to `max` and
// begins anew once the child has run for `reset_after`. `jitter` is how much of each pause is left
// to chance, so that children that failed together do not come back together.
struct Backoff {
  Duration first = std::chrono::milliseconds{100};
  Duration max = std::chrono::seconds{30};
  double growth = 2.0;
  double jitter = 0.2;  // 0: none, 1: anything from zero to the whole pause
  Duration reset_after = std::chrono::seconds{60};
};

enum class OverBudget : std::uint8_t {
  escalate,  // the supervisor ends, as when max_restarts is exceeded
  give_up,   // the child stays stopped, and the others go on
};

// Restarts that are counted for one child alone, and not by the supervisor: more than this within
// `period` (in whole seconds, as max_seconds) are too many.
struct RestartBudget {
  unsigned max_restarts = 3;
  std::chrono::seconds period{5};
  OverBudget then = OverBudget::escalate;
};

namespace detail {
struct RestartPolicy;  // the three below that go beyond OTP, as a supervisor sees them
}  // namespace detail

// Shut a child down with `kill`, without giving it a chance to clean up.
struct BrutalKill {};
inline constexpr BrutalKill brutal_kill{};

// What a start function gives back: the process, linked to the one that called it, and whatever
// else start_child is to pass on. A null pid: there is nothing to start (OTP: ignore).
struct ChildStarted {
  Pid pid;
  Term info = atoms::undefined;
};
using ChildStartResult = std::expected<ChildStarted, ExitReason>;

class ExtraArguments;  // see dynamic_supervisor.hpp

namespace detail {

// How a child is started, any number of times, by the running process and linked to it.
class ChildStart : public Counted {
 public:
  ChildStart() = default;
  ChildStart(const ChildStart&) = delete;
  ~ChildStart() override;
  virtual Async<StartOutcome> start(Process& supervisor, StartName name) const = 0;
  // Whether what it starts takes StartName::mail into account.
  virtual bool can_keep_mailbox() const noexcept { return false; }
  // Whether what it starts takes StartName::via into account: servers do.
  virtual bool can_have_via() const noexcept { return can_keep_mailbox(); }
  // The same with a supervisor's extra arguments; null if it takes none, or others than these.
  virtual Shared<const ChildStart> with(const ExtraArguments&) const { return nullptr; }
};

// A server, from a copy of its arguments.
template <class S, class... A>
class ServerChild final : public ChildStart {
 public:
  explicit ServerChild(std::tuple<A...> arguments) : arguments_{std::move(arguments)} {}
  Async<StartOutcome> start(Process& supervisor, StartName name) const override {
    return start_server(supervisor, StartMode::link, infinity,
                        make_start_request<S>(std::move(name), std::tuple<A...>(arguments_)));
  }
  bool can_keep_mailbox() const noexcept override { return true; }

 private:
  std::tuple<A...> arguments_;
};

// A server, from arguments that are made anew each time.
template <class S, class F>
class FactoryChild final : public ChildStart {
 public:
  explicit FactoryChild(F factory) : factory_{std::move(factory)} {}
  Async<StartOutcome> start(Process& supervisor, StartName name) const override {
    return start_server(supervisor, StartMode::link, infinity,
                        make_start_request<S>(std::move(name), factory_()));
  }
  bool can_keep_mailbox() const noexcept override { return true; }

 private:
  F factory_;
};

// A start that fails with {What, <<"why">>}; both are literals.
Async<StartOutcome> refused_start(const char* what, const char* why);

StartOutcome started_child(ChildStarted started);
StartOutcome failed_child(ExitReason reason);
// Gives a process that was just started its name, if there is one to give and it does not have it
// yet. Where that cannot be, the start has failed, and the process is killed.
Async<StartOutcome> named_child(Process& supervisor, StartOutcome started, Atom name);

// A start function, or a plain process body, from a copy of its arguments.
template <class F, class... A>
class FunctionChild final : public ChildStart {
 public:
  explicit FunctionChild(F function, std::tuple<A...> arguments)
      : function_{std::move(function)}, arguments_{std::move(arguments)} {}
  Async<StartOutcome> start(Process& supervisor, StartName name) const override {
    using Result = std::invoke_result_t<const F&, Process&, A...>;
    std::tuple<A...> arguments = arguments_;
    StartOutcome outcome;
    if constexpr (std::is_same_v<Result, Async<ChildStartResult>>) {
      auto result = co_await std::apply(
          [&](A&... a) { return function_(supervisor, std::move(a)...); }, arguments);
      outcome =
          result ? started_child(std::move(*result)) : failed_child(std::move(result.error()));
    } else if constexpr (std::is_same_v<Result, Async<std::expected<Pid, ExitReason>>>) {
      auto result = co_await std::apply(
          [&](A&... a) { return function_(supervisor, std::move(a)...); }, arguments);
      outcome =
          result ? started_child(ChildStarted{*result}) : failed_child(std::move(result.error()));
    } else {
      outcome.pid =
          std::apply([&](A&... a) { return spawn_link(F(function_), std::move(a)...); }, arguments);
    }
    co_return co_await named_child(supervisor, std::move(outcome), name.name);
  }

 private:
  F function_;
  std::tuple<A...> arguments_;
};

}  // namespace detail

// What a child is called by its supervisor: a text becomes an atom; any other term stands for
// itself.
struct ChildId {
  ChildId(const char* text) : term{Atom{text}} {}
  ChildId(std::string_view text) : term{Atom{text}} {}
  ChildId(const std::string& text) : term{Atom{text}} {}
  template <class T>
    requires std::is_convertible_v<T, Term>
  ChildId(T value) : term{std::move(value)} {}
  Term term;
};

// How a supervisor starts, restarts and stops one of its children. Made by child(...) or
// supervisor(...) and refined by what follows:
//
//     child<Counter>(10).named("counter").restart(transient).shutdown(1s)
//
// A copyable value: the arguments of the child are kept, and copied for each start.
class ChildSpec {
 public:
  ChildSpec(Term id, ChildType type, detail::Shared<const detail::ChildStart> start)
      : id_{std::move(id)}, start_{std::move(start)}, type_{type} {}

  // What the supervisor's other functions call this child; unique among its children. Otherwise the
  // name, otherwise the type of the server.
  ChildSpec& id(ChildId id) {
    id_ = std::move(id.term);
    has_id_ = true;
    return *this;
  }
  // Registered before the constructor of a server runs. A child from a function gets it once it is
  // started, unless it has taken it by itself; where it has taken another one, its start fails.
  ChildSpec& named(Name name) {
    name_ = name.atom;
    if (!has_id_) id_ = Term{name.atom};
    return *this;
  }
  // A name of another kind, claimed likewise; for servers and supervisors.
  ChildSpec& via(Via via);
  // Default: permanent.
  ChildSpec& restart(Restart restart) {
    restart_ = restart;
    return *this;
  }
  // How long the child may take to end after the exit signal `shutdown`, before it is killed.
  // Default: 5 s; infinity for a supervisor.
  ChildSpec& shutdown(Duration time) {
    shutdown_ = time;
    has_shutdown_ = true;
    brutal_ = false;
    return *this;
  }
  ChildSpec& shutdown(BrutalKill) {
    brutal_ = true;
    return *this;
  }
  ChildSpec& type(ChildType type) {
    type_ = type;
    return *this;
  }
  // Whether its end may end the supervisor: see SupervisorOptions::auto_shutdown.
  ChildSpec& significant(bool significant = true) {
    significant_ = significant;
    return *this;
  }

  // Beyond OTP.
  ChildSpec& backoff(Backoff backoff);
  ChildSpec& budget(RestartBudget budget);
  // What a server has not received when it ends, plain messages and casts, is the first that the
  // server started in its place finds, in order and before anything newer. Not the message it was
  // handling, which may be what it fails of; calls fail as ever. What a GenStatem has postponed
  // counts as received.
  ChildSpec& keep_mailbox(bool keep = true);

  const Term& id() const noexcept { return id_; }
  // Null: plain OTP.
  const detail::RestartPolicy* policy() const noexcept;
  Atom name() const noexcept { return name_; }
  Restart restart() const noexcept { return restart_; }
  Duration shutdown() const noexcept {
    return has_shutdown_ ? shutdown_ : type_ == ChildType::supervisor ? infinity : default_shutdown;
  }
  bool is_brutal() const noexcept { return brutal_; }
  ChildType type() const noexcept { return type_; }
  bool is_significant() const noexcept { return significant_; }
  const detail::Shared<const detail::ChildStart>& start() const noexcept { return start_; }
  // For supervisors that add something to how a child is started.
  ChildSpec& start(detail::Shared<const detail::ChildStart> start) {
    start_ = std::move(start);
    return *this;
  }

  static constexpr Duration default_shutdown = std::chrono::seconds{5};

 private:
  // Copies of a specification share it until one of them changes it.
  detail::RestartPolicy& change_policy();

  Term id_;
  Atom name_ = atoms::undefined;
  detail::Shared<const detail::ChildStart> start_;
  detail::Shared<detail::CountedValue<detail::RestartPolicy>> policy_;
  Duration shutdown_ = infinity;
  Restart restart_ = permanent;
  ChildType type_;
  bool brutal_ = false;
  bool significant_ = false;
  bool has_id_ = false;
  bool has_shutdown_ = false;
};

template <>
inline constexpr bool enable_message<ChildSpec> = true;

// In the order in which they are started.
using Children = std::vector<ChildSpec>;

namespace detail {
Children children_of(std::initializer_list<ChildSpec> specs);
}  // namespace detail

// The children of a supervisor: children(child<Store>("data"), child<Cache>().restart(transient)).
template <class... C>
Children children(C&&... specs) {
  return detail::children_of({std::forward<C>(specs)...});
}

// A server of type S with these start arguments, which must be copyable: each (re)start gets
// copies.
template <class S, class... A>
ChildSpec child(A&&... arguments) {
  using Start = detail::ServerChild<S, detail::KeptArgument<A>...>;
  static_assert((std::is_copy_constructible_v<detail::KeptArgument<A>> && ...),
                "a child's arguments are copied for each start; for move-only ones use "
                "child_from<S>(factory)");
  static const Atom type{detail::type_name<S>()};
  return ChildSpec{
      type, ChildType::worker,
      detail::share<Start>(std::tuple<detail::KeptArgument<A>...>(std::forward<A>(arguments)...))};
}

// A server of type S whose arguments `factory()` makes anew for each start, as a std::tuple. It
// runs in the supervisor, and may be called from copies of the specification.
template <class S, class F>
ChildSpec child_from(F factory) {
  static const Atom type{detail::type_name<S>()};
  return ChildSpec{type, ChildType::worker,
                   detail::share<detail::FactoryChild<S, F>>(std::move(factory))};
}

// A child from a function: a process body `f(self, arguments...)`, which is spawned linked, or a
// start function that returns Async<ChildStartResult> or Async<std::expected<Pid, ExitReason>>,
// which runs in the supervisor and starts a process linked to it.
template <class F, class... A>
  requires std::is_invocable_v<const F&, Process&, detail::KeptArgument<A>...>
ChildSpec child(ChildId id, F function, A&&... arguments) {
  using Start = detail::FunctionChild<F, detail::KeptArgument<A>...>;
  return ChildSpec{std::move(id.term), ChildType::worker,
                   detail::share<Start>(std::move(function), std::tuple<detail::KeptArgument<A>...>(
                                                                 std::forward<A>(arguments)...))};
}

}  // namespace troupe
