// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "otp/child_extras.hpp"

#include <troupe/log.hpp>

namespace troupe::detail {

std::unique_ptr<ChildExtras> ChildExtras::of(const ChildSpec& spec) {
  return spec.policy() ? std::make_unique<ChildExtras>(*spec.policy()) : nullptr;
}

ChildExtras::ChildExtras(const RestartPolicy& policy) : policy_{policy} {
  if (policy.budget) budget_.emplace(policy.budget->max_restarts, policy.budget->period);
  if (policy.keeps_mailbox) mail_ = share<CountedValue<WaitingMail>>();
  if (const auto& b = policy.backoff) {
    pauses_.emplace(RetryOptions{
        .first_delay = b->first, .growth = b->growth, .max_delay = b->max, .jitter = b->jitter});
  }
}

std::optional<Duration> ChildExtras::next_pause(const Process& supervisor,
                                                std::int64_t now_ns) noexcept {
  if (!pauses_) return std::nullopt;
  const Duration ran = std::chrono::nanoseconds{now_ns - started_ns_};
  if (ran >= policy_.backoff->reset_after) pauses_->reset();
  return pauses_->next(supervisor.random());
}

RestartVerdict count_restart(const Term& id, ChildExtras* extras, RestartIntensity& all,
                             std::int64_t now_ns) {
  RestartIntensity* own = extras ? extras->budget() : nullptr;
  RestartIntensity& count = own ? *own : all;
  if (count.allows(now_ns)) return RestartVerdict::restart;
  if (own && extras->policy().budget->then == OverBudget::give_up) {
    log::error("child {} is given up: more than {} restarts in {} s", id, count.max_restarts(),
               count.period_s());
    return RestartVerdict::give_up_child;
  }
  log::error("a supervisor gives up: more than {} restarts in {} s", count.max_restarts(),
             count.period_s());
  return RestartVerdict::end_supervisor;
}

}  // namespace troupe::detail
