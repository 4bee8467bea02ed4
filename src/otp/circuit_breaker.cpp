// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>

#include <troupe/circuit_breaker.hpp>
#include <troupe/detail/caller_place.hpp>

namespace troupe {

Async<std::expected<BreakerPermit, BreakerOpen>> CircuitBreaker::ask(Process& self, Ref breaker) {
  const detail::CallerPlace place{self};
  const std::expected<Era, BreakerOpen> era = co_await place(call(self, breaker, Ask{}));
  if (!era) co_return std::unexpected(era.error());
  co_return BreakerPermit{breaker, *era};
}

CircuitBreaker::CircuitBreaker(BreakerOptions options) : options_{options} {
  if (options_.failures == 0 || options_.trials == 0) {
    throw ErrorException{tuple({atoms::badarg, Term{Atom{"breaker_that_counts_to_zero"}}})};
  }
}

void CircuitBreaker::enter(BreakerState state) noexcept {
  state_ = state;
  ++era_;
  failures_ = 0;
  successes_ = 0;
  trials_.clear();
}

void CircuitBreaker::open(Duration now) noexcept {
  enter(BreakerState::open);
  opens_at_ = options_.pause >= infinity - now ? infinity : now + options_.pause;
}

void CircuitBreaker::catch_up(Duration now) noexcept {
  // A trial that never came back failed when its time was over, not when somebody asks.
  if (state_ == BreakerState::half_open && !trials_.empty() && trials_.front() <= now) {
    open(trials_.front());
  }
  if (state_ == BreakerState::open && opens_at_ <= now) enter(BreakerState::half_open);
}

std::expected<CircuitBreaker::Era, BreakerOpen> CircuitBreaker::handle_call(Process& self, Ask) {
  const Duration now = self.monotonic_time();
  catch_up(now);
  if (state_ == BreakerState::closed) return Era{era_};
  if (state_ == BreakerState::open) return std::unexpected(BreakerOpen{opens_at_ - now});
  if (trials_.size() + successes_ >= options_.trials) {
    return std::unexpected(BreakerOpen{trials_.front() - now});
  }
  trials_.push_back(options_.trial_time >= infinity - now ? infinity : now + options_.trial_time);
  return Era{era_};
}

BreakerState CircuitBreaker::handle_call(Process& self, State) {
  catch_up(self.monotonic_time());
  return state_;
}

void CircuitBreaker::handle_call(Reset) { enter(BreakerState::closed); }

void CircuitBreaker::handle_cast(Process& self, Report m) {
  const Duration now = self.monotonic_time();
  catch_up(now);
  if (m.era.number != era_) return;
  if (state_ == BreakerState::closed) {
    if (m.outcome == Outcome::success) failures_ = 0;
    if (m.outcome == Outcome::failure && ++failures_ == options_.failures) open(now);
    return;
  }
  // Trials differ in nothing but their deadline: the oldest is taken for the one that is over.
  if (!trials_.empty()) trials_.erase(trials_.begin());
  if (m.outcome == Outcome::failure) {
    open(now);
  } else if (m.outcome == Outcome::success && ++successes_ == options_.trials) {
    enter(BreakerState::closed);
  }
}

Term CircuitBreaker::introspect() const {
  constexpr const char* names[] = {"closed", "open", "half_open"};
  return map({{Term{Atom{"state"}}, Term{Atom{names[static_cast<int>(state_)]}}},
              {Term{Atom{"failures"}}, failures_},
              {Term{Atom{"successes"}}, successes_},
              {Term{Atom{"trials"}}, trials_.size()}});
}

}  // namespace troupe
