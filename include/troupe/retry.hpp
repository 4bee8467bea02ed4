// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <exception>
#include <utility>

#include <troupe/call_error.hpp>
#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/outcome.hpp>
#include <troupe/process.hpp>

namespace troupe {

struct RetryOptions {
  unsigned attempts = 5;  // in all; 0 counts as 1
  Duration first_delay = std::chrono::milliseconds{100};
  double growth = 2.0;  // from one delay to the next
  Duration max_delay = std::chrono::seconds{30};
  // The part of each delay, from 0 to 1, that is drawn by lot: many who failed together then do not
  // come back together.
  double jitter = 0.5;
};

// The delays of RetryOptions, one after the other: for whoever waits by timer, not by retry.
class RetryDelays {
 public:
  explicit RetryDelays(const RetryOptions& options) noexcept
      : options_{options}, delay_{options.first_delay} {}
  // `random`: 64 random bits, such as self.random().
  Duration next(std::uint64_t random) noexcept;
  // After a success: from the first delay again.
  void reset() noexcept { delay_ = options_.first_delay; }

 private:
  RetryOptions options_;
  Duration delay_;
};

// Calls `f(self)` until it succeeds or has been called `attempts` times, with growing pauses,
// during which the process takes no messages; gives the last result.
//
//     auto page = co_await retry(self, {.attempts = 3},
//                                [&](Process& me) { return fetch(me, url); });
//
// f gives a T or a std::expected<T, E>, or an Async of them. A failure is an expected without a
// value, or an exception: the last one leaves retry. What ends the process (self.exit) is not
// retried; a call that failed is. `is_worth_it(error)`, for results that are expected: false gives
// up at once.
template <class F, class P>
auto retry(Process& self, RetryOptions options, F f, P is_worth_it) -> Async<detail::OutcomeOf<F>> {
  const detail::CallerPlace place{self};
  using Result = detail::OutcomeOf<F>;
  RetryDelays delays{options};
  for (unsigned attempt = 1;; ++attempt) {
    const bool is_last = attempt >= options.attempts;
    try {
      if constexpr (detail::PlannedOutcome<Result>) {
        Result result = co_await place(detail::outcome_of(self, f));
        if (result.has_value() || is_last || !is_worth_it(std::as_const(result).error())) {
          co_return result;
        }
      } else {
        co_return co_await place(detail::outcome_of(self, f));
      }
    } catch (const CallException&) {
      if (is_last) throw;
    } catch (const ExitException&) {
      throw;
    } catch (const std::exception&) {
      if (is_last) throw;
    }
    co_await place(self.sleep(delays.next(self.random())));
  }
}

template <class F>
auto retry(Process& self, RetryOptions options, F f) {
  return retry(self, options, std::move(f), [](const auto&) { return true; });
}

}  // namespace troupe
