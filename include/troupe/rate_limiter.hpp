// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <troupe/detail/caller_place.hpp>
#include <troupe/gen_server.hpp>

namespace troupe {

enum class RateAlgorithm : std::uint8_t {
  fixed_window,    // as many per window; windows begin at multiples of their length, so that twice
                   // as many may come around a border. 24 B a key
  sliding_window,  // as many within any stretch of that length, exactly. 16 B for each that counts
  token_bucket,    // evenly, with bursts of as many: one more is allowed each `per / max`. 24 B
};

// `max` requests per time.
struct RateLimit {
  std::uint32_t max = 100;
  Duration per = std::chrono::seconds{1};
  RateAlgorithm algorithm = RateAlgorithm::sliding_window;
};

struct RateAllowed {
  std::uint32_t remaining;  // how many more would be allowed now
};
// `retry_after`: when as many would be allowed, if nobody else comes; infinity for more than max.
struct RateLimited {
  Duration retry_after;
};
using RateDecision = std::expected<RateAllowed, RateLimited>;

// The count of one key: a plain value, for a server that limits its own callers without asking a
// RateLimiter. Times are those of one monotonic clock, and must not go back.
class RateMeter {
 public:
  // Counts `cost` requests, if that is allowed. A cost of zero is always allowed.
  RateDecision take(const RateLimit& limit, Duration now, std::uint32_t cost = 1);
  // What take would answer.
  RateDecision peek(const RateLimit& limit, Duration now, std::uint32_t cost = 1);
  // Whether nothing counts any more, so that it may as well be forgotten.
  bool is_idle(const RateLimit& limit, Duration now);

 private:
  struct Taken {
    Duration at;
    std::uint32_t cost;
  };
  void advance(const RateLimit& limit, Duration now);

  // fixed_window: the beginning of the window. token_bucket: when the bucket will be full again,
  // the theoretical arrival time of the generic cell rate algorithm (ITU-T I.371).
  Duration mark_ = Duration::min();
  std::uint32_t used_ = 0;    // windows: the cost within
  std::uint32_t first_ = 0;   // sliding_window: those of taken_ before this one are over
  std::vector<Taken> taken_;  // sliding_window: oldest first
};

struct RateLimiterOptions {
  RateLimit limit;
  // Keys beyond this push out the one that has asked least recently, whose count begins anew.
  std::size_t max_keys = 100'000;
};

// Limits how often things happen, for each key by itself: a process that counts.
//
//     using Limiter = RateLimiter<std::string>;
//     const RateLimiterOptions ten_a_minute{.limit = {.max = 10, .per = 1min}};
//     const auto limiter = co_await Limiter::start_link(self, ten_a_minute);
//     auto decision = co_await Limiter::consume(self, limiter, user);
//     if (!decision) reply_too_many(decision.error().retry_after);
//
// Keys are hashable messages, remembered as long as something counts. All functions throw
// CallException where there is no limiter. A server with one client per key needs no process for
// this: it may hold a RateMeter.
template <class K>
  requires Message<K> && std::copy_constructible<K> && std::equality_comparable<K>
class RateLimiter : public GenServer<RateLimiter<K>> {
 public:
  using Ref = ServerRef<RateLimiter>;

  // --- For its users. start, start_link and so on are GenServer's, and take RateLimiterOptions.

  // Counts `cost` requests if they are allowed.
  static auto consume(Process& self, Ref limiter, K key, std::uint32_t cost = 1) {
    return call(self, limiter, Consume{std::move(key), cost});
  }
  // Whether they would be.
  static auto check(Process& self, Ref limiter, K key, std::uint32_t cost = 1) {
    return call(self, limiter, Check{std::move(key), cost});
  }
  // Waits until they are allowed and have been counted, but not beyond `timeout`: then RateLimited
  // tells how much longer it would have been. Who waits has no place in a line.
  static Async<RateDecision> acquire(Process& self, Ref limiter, K key, std::uint32_t cost = 1,
                                     Duration timeout = infinity) {
    const detail::CallerPlace place{self};
    const Duration begin = self.monotonic_time();
    for (;;) {
      const RateDecision decision = co_await place(consume(self, limiter, key, cost));
      if (decision) co_return decision;
      const Duration after = decision.error().retry_after;
      const Duration spent = self.monotonic_time() - begin;
      if (after == infinity || after > timeout - spent) co_return decision;
      co_await place(self.sleep(after));
    }
  }
  // Forgets what was counted for the key.
  static auto reset(Process& self, Ref limiter, K key) {
    return call(self, limiter, Reset{std::move(key)});
  }
  // The keys that are remembered, the latest first.
  static auto keys(Process& self, Ref limiter) { return call(self, limiter, Keys{}); }

  // --- The server.

  struct Consume {
    K key;
    std::uint32_t cost;
    using Reply = RateDecision;
  };
  struct Check {
    K key;
    std::uint32_t cost;
    using Reply = RateDecision;
  };
  struct Reset {
    K key;
    using Reply = void;
  };
  struct Keys {
    using Reply = std::vector<K>;
  };

  explicit RateLimiter(RateLimiterOptions options = {}) : options_{options} {
    const RateLimit& limit = options_.limit;
    if (limit.max == 0 || options_.max_keys == 0 || limit.per < Duration{limit.max}) {
      throw ErrorException{tuple({atoms::badarg, Term{Atom{"impossible_rate_limit"}}})};
    }
  }

  RateDecision handle_call(Process& self, Consume m) {
    const Duration now = self.monotonic_time();
    const RateDecision decision = meter_of(m.key).take(options_.limit, now, m.cost);
    forget_idle(now);
    return decision;
  }
  RateDecision handle_call(Process& self, Check m) {
    const auto place = index_.find(m.key);
    RateMeter none;
    RateMeter& meter = place == index_.end() ? none : place->second->meter;
    return meter.peek(options_.limit, self.monotonic_time(), m.cost);
  }
  void handle_call(Reset m) {
    if (const auto place = index_.find(m.key); place != index_.end()) {
      kept_.erase(place->second);
      index_.erase(place);
    }
  }
  std::vector<K> handle_call(Process& self, Keys) {
    while (!kept_.empty() && forget_idle(self.monotonic_time())) {
    }
    std::vector<K> all;
    for (const Kept& kept : kept_) all.push_back(kept.key);
    return all;
  }

  Term introspect() const {
    return map({{Term{Atom{"keys"}}, kept_.size()},
                {Term{Atom{"max"}}, options_.limit.max},
                {Term{Atom{"per_ms"}}, options_.limit.per / std::chrono::milliseconds{1}}});
  }

 private:
  struct Kept {
    K key;
    RateMeter meter;
  };

  RateMeter& meter_of(const K& key) {
    if (const auto place = index_.find(key); place != index_.end()) {
      kept_.splice(kept_.begin(), kept_, place->second);
      return kept_.front().meter;
    }
    if (kept_.size() == options_.max_keys) drop_last();
    kept_.push_front(Kept{key, {}});
    index_.emplace(key, kept_.begin());
    return kept_.front().meter;
  }
  // Each request forgets up to two keys, so that the idle ones go faster than new ones come.
  bool forget_idle(Duration now) {
    bool has_forgotten = false;
    for (int i = 0; i < 2 && !kept_.empty() && kept_.back().meter.is_idle(options_.limit, now);
         ++i) {
      drop_last();
      has_forgotten = true;
    }
    return has_forgotten;
  }
  void drop_last() {
    index_.erase(kept_.back().key);
    kept_.pop_back();
  }

  RateLimiterOptions options_;
  std::list<Kept> kept_;  // the latest first
  std::unordered_map<K, typename std::list<Kept>::iterator> index_;
};

}  // namespace troupe
