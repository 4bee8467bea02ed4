// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>

#include <troupe/rate_limiter.hpp>

namespace troupe {
namespace {

// The time of one request, and of `cost` of them.
Duration interval(const RateLimit& limit) { return limit.per / limit.max; }
Duration time_of(const RateLimit& limit, std::uint32_t cost) { return interval(limit) * cost; }

}  // namespace

// Lets go what does not count any more.
void RateMeter::advance(const RateLimit& limit, Duration now) {
  switch (limit.algorithm) {
    case RateAlgorithm::fixed_window: {
      const Duration begin = now - now % limit.per;
      if (mark_ < begin) {
        mark_ = begin;
        used_ = 0;
      }
      return;
    }
    case RateAlgorithm::sliding_window:
      while (first_ < taken_.size() && taken_[first_].at <= now - limit.per) {
        used_ -= taken_[first_++].cost;
      }
      // More than half is over: move the rest down, so that the memory follows the use.
      if (first_ > taken_.size() / 2) {
        taken_.erase(taken_.begin(), taken_.begin() + first_);
        first_ = 0;
      }
      return;
    case RateAlgorithm::token_bucket:
      mark_ = std::max(mark_, now);
      return;
  }
}

RateDecision RateMeter::peek(const RateLimit& limit, Duration now, std::uint32_t cost) {
  advance(limit, now);
  if (cost > limit.max) return std::unexpected(RateLimited{infinity});
  if (limit.algorithm == RateAlgorithm::token_bucket) {
    // Full, the bucket holds max intervals; what is missing lies between now and the mark.
    const Duration missing = mark_ - now + time_of(limit, cost) - time_of(limit, limit.max);
    if (missing > Duration::zero()) return std::unexpected(RateLimited{missing});
    return RateAllowed{static_cast<std::uint32_t>(-missing / interval(limit))};
  }
  if (cost <= limit.max - used_) return RateAllowed{limit.max - used_ - cost};
  if (limit.algorithm == RateAlgorithm::fixed_window) {
    return std::unexpected(RateLimited{mark_ + limit.per - now});
  }
  std::uint32_t free = limit.max - used_;
  std::size_t at = first_;
  while (free + taken_[at].cost < cost) free += taken_[at++].cost;
  return std::unexpected(RateLimited{taken_[at].at + limit.per - now});
}

RateDecision RateMeter::take(const RateLimit& limit, Duration now, std::uint32_t cost) {
  const RateDecision decision = peek(limit, now, cost);
  if (!decision || cost == 0) return decision;
  switch (limit.algorithm) {
    case RateAlgorithm::fixed_window:
      used_ += cost;
      break;
    case RateAlgorithm::sliding_window:
      used_ += cost;
      if (first_ < taken_.size() && taken_.back().at == now) {
        taken_.back().cost += cost;
      } else {
        taken_.push_back({now, cost});
      }
      break;
    case RateAlgorithm::token_bucket:
      mark_ += time_of(limit, cost);
      break;
  }
  return decision;
}

bool RateMeter::is_idle(const RateLimit& limit, Duration now) {
  advance(limit, now);
  return limit.algorithm == RateAlgorithm::token_bucket ? mark_ <= now : used_ == 0;
}

}  // namespace troupe
