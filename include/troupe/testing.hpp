// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/detail/type_name.hpp>
#include <troupe/log.hpp>
#include <troupe/runtime.hpp>
#include <troupe/supervisor.hpp>

// What ExUnit gives to those who test processes, for any test framework or none. (The namespace is
// not called testing, so that GoogleTest's stays unambiguous under `using namespace troupe`.)
namespace troupe::testkit {

// An expectation that was not met. Ends the body of a test, which then fails with this text.
class Failure : public std::exception {
 public:
  explicit Failure(std::string text) : text_{std::move(text)} {}
  Failure(std::string text, const std::source_location& where);
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

// Whether a test passed, and if not, why: in which execution, with which seed, at which line.
class [[nodiscard("a test that is not asked cannot fail")]] Result {
 public:
  Result() = default;
  explicit Result(std::string failure) : failure_{std::move(failure)} {}
  explicit operator bool() const noexcept { return failure_.empty(); }
  const std::string& text() const noexcept { return failure_; }

 private:
  std::string failure_;
};

struct Options {
  std::uint64_t seeds = 20;      // how many simulated runs `everywhere` makes
  std::uint64_t first_seed = 1;  // where TROUPE_SEED=n does not ask for one alone
  unsigned workers = 2;
  // How long processes may take to end by themselves after the test, before they count as leaked.
  Duration leak_grace = std::chrono::seconds{1};
};

// How long expectations wait in real time: long, because it costs nothing when they are met.
inline constexpr Duration patience = std::chrono::seconds{5};
// How long refutations wait, which they always do. In a simulation neither takes any time.
inline constexpr Duration silence = std::chrono::milliseconds{100};

// What belongs to one run of a test, and is torn down after it.
//
//     TEST(cart, adds_up) {
//       const auto body = [](Process& self, testkit::Context& test) -> Async<> {
//         auto cart = co_await test.start<Cart>(self.pid());
//         cast(cart, Cart::Add{"apple", 2});
//         auto changed = co_await testkit::expect_message<CartChanged>(self);
//         EXPECT_EQ(changed.items, 2);
//       };
//       const auto result = testkit::everywhere(body);
//       EXPECT_TRUE(result) << result.text();
//     }
//
// The body is the main process of a runtime of its own, with real threads or in the simulator,
// where time is virtual: an hour of sleep costs nothing, and each seed is another schedule. The
// body may capture: whoever runs it waits for it. When it is over, or has failed, what was started
// supervised is stopped in reverse order, then the on_exit callbacks run, and then no other process
// may be left: those that are fail the test, by name.
class Context {
 public:
  explicit Context(Process& self) : self_{self} {}
  Context(const Context&) = delete;
  ~Context();

  // Starts a child of the test's supervisor, which restarts it as its specification says, without
  // limit. Throws Failure if it does not start. ExUnit: start_supervised!.
  Async<Pid> start_supervised(ChildSpec child,
                              std::source_location where = std::source_location::current());
  // A server, under its type's name.
  template <class S, class... A>
  Async<ServerRef<S>> start(A... arguments) {
    co_return ServerRef<S>{co_await start_supervised(child<S>(std::move(arguments)...))};
  }
  // Stops a child before the end of the test, and forgets it. Throws Failure if there is none.
  Async<> stop_supervised(ChildId id, std::source_location where = std::source_location::current());

  // Runs after the body and after what was supervised, the last registered first.
  template <class F>
  void on_exit(F callback) {
    exits_.push_back(std::make_unique<Callback<F>>(std::move(callback)));
  }

  // For the runner.
  Async<> tear_down(Duration leak_grace);

 private:
  struct Callable {
    virtual ~Callable();
    virtual void run() = 0;
  };
  template <class F>
  struct Callback final : Callable {
    explicit Callback(F f) : callback(std::move(f)) {}
    void run() override { callback(); }
    F callback;
  };

  Async<> stop_all();
  Async<> refuse_leaks(Duration grace);

  Process& self_;
  std::optional<ServerRef<Supervisor>> supervisor_;
  std::vector<std::unique_ptr<Callable>> exits_;
};

namespace detail {

using Body = Async<> (*)(void* body, Process& self, Context& test);

template <class F>
Async<> start_body(void* body, Process& self, Context& test) {
  F& f = *static_cast<F*>(body);
  if constexpr (std::is_invocable_v<F&, Process&, Context&>) {
    return f(self, test);
  } else {
    return f(self);
  }
}

Result run_in(Runtime& runtime, Body start, void* body, const Options& options);
Result run_on_one_thread(Body start, void* body, const Options& options);
Result run_on_threads(Body start, void* body, const Options& options);
Result run_simulated(Body start, void* body, const Options& options, std::uint64_t seed);
Result run_everywhere(Body start, void* body, const Options& options);

[[noreturn]] void fail_to_find(std::string_view type, Duration within,
                               const std::vector<std::string_view>& instead,
                               const std::source_location& where);
// Takes everything out of the mailbox: the types, in order.
Async<std::vector<std::string_view>> drain(Process& self);

}  // namespace detail

// Runs `body(self, test)`, or `body(self)`, once in a given way: in a runtime of yours, on this
// thread, on worker threads, in the simulator.
template <class F>
Result run_in(Runtime& runtime, F body, const Options& options = {}) {
  return detail::run_in(runtime, &detail::start_body<F>, &body, options);
}
template <class F>
Result run_on_one_thread(F body, const Options& options = {}) {
  return detail::run_on_one_thread(&detail::start_body<F>, &body, options);
}
template <class F>
Result run_on_threads(F body, const Options& options = {}) {
  return detail::run_on_threads(&detail::start_body<F>, &body, options);
}
template <class F>
Result run_simulated(F body, std::uint64_t seed = 1, const Options& options = {}) {
  return detail::run_simulated(&detail::start_body<F>, &body, options, seed);
}
// On one thread, on Options::workers threads, and in the simulator with Options::seeds seeds; the
// first failure ends it. With the environment variable TROUPE_SEED, that seed alone.
template <class F>
Result everywhere(F body, const Options& options = {}) {
  return detail::run_everywhere(&detail::start_body<F>, &body, options);
}

// The oldest message of type M, once it is there; throws Failure, naming what was in the mailbox
// instead, if it does not come in time. ExUnit: assert_receive.
template <Message M>
Async<M> expect_message(Process& self, Duration within = patience,
                        std::source_location where = std::source_location::current()) {
  std::optional<M> message = co_await self.receive<M>(within);
  if (!message) {
    const auto instead = co_await detail::drain(self);
    detail::fail_to_find(troupe::detail::type_name<M>(), within, instead, where);
  }
  co_return std::move(*message);
}
// The oldest that `fits(const M&)`.
template <Message M, class Predicate>
  requires std::is_invocable_r_v<bool, Predicate&, const M&>
Async<M> expect_message(Process& self, Predicate fits, Duration within = patience,
                        std::source_location where = std::source_location::current()) {
  std::optional<M> message =
      co_await self.receive(when([&fits](const M& m) -> bool { return fits(m); },
                                 [](M m) { return std::optional<M>{std::move(m)}; }),
                            after(within, [] { return std::optional<M>{}; }));
  if (!message) {
    const auto instead = co_await detail::drain(self);
    detail::fail_to_find(troupe::detail::type_name<M>(), within, instead, where);
  }
  co_return std::move(*message);
}

// Waits that long and throws Failure if a message of type M is there or comes. Others stay where
// they are. ExUnit: refute_receive.
template <Message M>
Async<> refute_message(Process& self, Duration within = silence,
                       std::source_location where = std::source_location::current()) {
  if (co_await self.receive<M>(within)) {
    throw Failure{"there is a message of type " + std::string{troupe::detail::type_name<M>()} +
                      ", which was not to come",
                  where};
  }
}

// The reason with which a process ends; throws Failure if it does not end in time.
Async<ExitReason> expect_down(Process& self, Pid pid, Duration within = patience,
                              std::source_location where = std::source_location::current());

// Asks `condition()`, a function or a coroutine, every millisecond until it is true; throws Failure
// if that takes too long. For what tells nobody when it happens.
template <class F>
Async<> eventually(Process& self, F condition, Duration within = patience,
                   std::source_location where = std::source_location::current()) {
  const Duration deadline = self.monotonic_time() + within;
  for (;;) {
    if constexpr (std::is_same_v<std::invoke_result_t<F&>, Async<bool>>) {
      if (co_await condition()) co_return;
    } else {
      if (condition()) co_return;
    }
    if (self.monotonic_time() > deadline) throw Failure{"the condition did not become true", where};
    co_await self.sleep(std::chrono::milliseconds{1});
  }
}

// While it lives, log lines of the whole program are kept here instead of being written:
// `level text key=value ...`. One at a time. ExUnit: capture_log.
class CapturedLog {
 public:
  CapturedLog();
  ~CapturedLog();
  CapturedLog(const CapturedLog&) = delete;

  // All lines so far, in the order in which they were written.
  std::vector<std::string> lines() const;
  // How many lines have all of these parts.
  template <class... Text>
  std::size_t count(const Text&... parts) const {
    std::size_t found = 0;
    for (const std::string& line : lines()) {
      found += ((line.find(parts) != std::string::npos) && ...);
    }
    return found;
  }
  void clear();

 private:
  static void take(void* context, const log::Record& record);

  mutable std::mutex lock_;
  std::vector<std::string> lines_;
};

}  // namespace troupe::testkit
