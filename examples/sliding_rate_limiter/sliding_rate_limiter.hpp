// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A rate limiter as one server for all users, with a sliding window. The course's keeps the times
// of users who never come back; this one forgets a user whose window is empty, once a window.
// A singleton: one process under a name, asked by everybody.
#pragma once

#include <deque>
#include <expected>
#include <map>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace sliding_rate_limiter {

struct RateLimitExceeded {};

struct RateLimiter : GenServer<RateLimiter> {
  struct CheckRate {
    std::string user;
    using Reply = std::expected<void, RateLimitExceeded>;
  };
  struct CountUsers {
    using Reply = std::size_t;
  };
  struct Sweep {};
  using Info = troupe::Messages<Sweep>;

  RateLimiter(Process& self, std::size_t max_requests = 100, Duration window = 60s)
      : max_requests_{max_requests}, window_{window} {
    send_after(self.pid(), window_, Sweep{});
  }

  CheckRate::Reply handle_call(Process& self, CheckRate m) {
    const Duration now = self.monotonic_time();
    auto& times = requests_[m.user];
    forget_old(times, now);
    if (times.size() >= max_requests_) return std::unexpected{RateLimitExceeded{}};
    times.push_back(now);
    return {};
  }
  std::size_t handle_call(CountUsers) { return requests_.size(); }
  void handle_info(Process& self, Sweep) {
    const Duration now = self.monotonic_time();
    for (auto at = requests_.begin(); at != requests_.end();) {
      forget_old(at->second, now);
      at = at->second.empty() ? requests_.erase(at) : std::next(at);
    }
    send_after(self.pid(), window_, Sweep{});
  }

 private:
  void forget_old(std::deque<Duration>& times, Duration now) const {
    while (!times.empty() && now - times.front() >= window_) times.pop_front();
  }

  std::size_t max_requests_;
  Duration window_;
  std::map<std::string, std::deque<Duration>> requests_;
};

}  // namespace sliding_rate_limiter
