// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <exception>
#include <expected>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/outcome.hpp>
#include <troupe/gen_server.hpp>

namespace troupe {

struct BreakerOptions {
  unsigned failures = 5;                      // in a row, that open it
  Duration pause = std::chrono::seconds{30};  // from then until it is tried again
  unsigned trials = 1;                        // successes in a row, after the pause, that close it
  Duration trial_time = std::chrono::seconds{30};  // after which a trial has failed
};

enum class BreakerState : std::uint8_t {
  closed,     // everybody is let through
  open,       // nobody
  half_open,  // as many at once as `trials`
};

// Not let through. `retry_after`: when the pause is over, or the trial that is under way at the
// latest.
struct BreakerOpen {
  Duration retry_after;
};

class BreakerPermit;

// Keeps callers away from a service that fails, so that it can recover and they need not wait for
// it: after some failures in a row the breaker opens, and callers are refused at once; after a
// pause a trial is let through, whose success closes it and whose failure opens it again.
//
//     const auto breaker = co_await CircuitBreaker::start_link(self);
//     auto page = co_await CircuitBreaker::run(
//         self, breaker, [&](Process& me) { return fetch(me); });
//     if (!page) co_return from_cache();  // BreakerOpen: the service was not asked
//
// What is run, runs in the caller; the breaker only counts. Outcomes that come after the breaker
// has changed its state since they were let through count for nothing.
class CircuitBreaker : public GenServer<CircuitBreaker> {
 public:
  using Ref = ServerRef<CircuitBreaker>;

  // --- For its users. start, start_link and so on are GenServer's, and take BreakerOptions. All
  // throw CallException where there is no breaker.

  // The right to ask the service once.
  static Async<std::expected<BreakerPermit, BreakerOpen>> ask(Process& self, Ref breaker);
  // Calls `f(self)` if the breaker lets it: what it gave. An exception, which goes on to the
  // caller, and an expected without a value are failures of the service, anything else a success.
  template <class F>
  static auto run(Process& self, Ref breaker, F f);

  // Whom it lets through now.
  static auto state(Process& self, Ref breaker) { return call(self, breaker, State{}); }
  // Closes it, whatever was.
  static auto reset(Process& self, Ref breaker) { return call(self, breaker, Reset{}); }

  // --- The server.

  // Which state, counted from the start, let a caller through.
  struct Era {
    std::uint64_t number;
  };
  enum class Outcome : std::uint8_t { success, failure, abandoned };
  struct Ask {
    using Reply = std::expected<Era, BreakerOpen>;
  };
  struct State {
    using Reply = BreakerState;
  };
  struct Reset {
    using Reply = void;
  };
  struct Report {
    Era era;
    Outcome outcome;
  };

  explicit CircuitBreaker(BreakerOptions options = {});
  std::expected<Era, BreakerOpen> handle_call(Process& self, Ask);
  BreakerState handle_call(Process& self, State);
  void handle_call(Reset);
  void handle_cast(Process& self, Report m);
  Term introspect() const;

 private:
  void enter(BreakerState state) noexcept;
  void open(Duration now) noexcept;
  // Lets the time that has passed act.
  void catch_up(Duration now) noexcept;

  BreakerOptions options_;
  BreakerState state_ = BreakerState::closed;
  std::uint64_t era_ = 0;
  unsigned failures_ = 0;         // in a row; while closed
  unsigned successes_ = 0;        // of trials; while half open
  std::vector<Duration> trials_;  // when those under way count as failed, oldest first
  Duration opens_at_{0};          // the end of the pause; while open
};

// Reports its outcome to the breaker: when told, or as abandoned, which counts as neither, when it
// is destroyed before that.
class [[nodiscard]] BreakerPermit {
 public:
  BreakerPermit(CircuitBreaker::Ref breaker, CircuitBreaker::Era era) noexcept
      : breaker_{breaker}, era_{era} {}
  BreakerPermit(BreakerPermit&& other) noexcept
      : breaker_{other.breaker_}, era_{other.era_}, is_used_{std::exchange(other.is_used_, true)} {}
  BreakerPermit& operator=(BreakerPermit&&) = delete;
  ~BreakerPermit() { report(CircuitBreaker::Outcome::abandoned); }

  void succeeded() { report(CircuitBreaker::Outcome::success); }
  void failed() { report(CircuitBreaker::Outcome::failure); }

 private:
  void report(CircuitBreaker::Outcome outcome) {
    if (std::exchange(is_used_, true)) return;
    cast(breaker_, CircuitBreaker::Report{era_, outcome});
  }

  CircuitBreaker::Ref breaker_;
  CircuitBreaker::Era era_;
  bool is_used_ = false;
};

namespace detail {

template <class F>
Async<std::expected<OutcomeOf<F>, BreakerOpen>> run_through(Process& self,
                                                            CircuitBreaker::Ref breaker, F f) {
  const CallerPlace place{self};
  using Result = OutcomeOf<F>;
  std::expected<BreakerPermit, BreakerOpen> permit =
      co_await place(CircuitBreaker::ask(self, breaker));
  if (!permit) co_return std::unexpected(permit.error());
  try {
    if constexpr (std::is_void_v<Result>) {
      co_await place(outcome_of(self, f));
      permit->succeeded();
      co_return std::expected<void, BreakerOpen>{};
    } else {
      Result result = co_await place(outcome_of(self, f));
      bool is_success = true;
      if constexpr (PlannedOutcome<Result>) is_success = result.has_value();
      is_success ? permit->succeeded() : permit->failed();
      co_return std::expected<Result, BreakerOpen>{std::in_place, std::move(result)};
    }
  } catch (const std::exception&) {
    permit->failed();
    throw;
  }
}

}  // namespace detail

template <class F>
auto CircuitBreaker::run(Process& self, Ref breaker, F f) {
  return detail::run_through<F>(self, breaker, std::move(f));
}

}  // namespace troupe
