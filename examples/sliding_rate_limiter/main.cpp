// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "sliding_rate_limiter.hpp"

using sliding_rate_limiter::RateLimiter;

int main() {
  return run([](Process& self) -> Async<> {
    co_await RateLimiter::start_link(self, {.name = "rate_limiter"}, std::size_t{3}, Duration{2s});
    const auto limiter = named<RateLimiter>("rate_limiter");
    for (int i = 0; i < 4; ++i) {
      const auto verdict = co_await call(self, limiter, RateLimiter::CheckRate{"ada"});
      std::printf("request %d: %s\n", i + 1, verdict ? "ok" : "rate limit exceeded");
    }
    co_await self.sleep(3s);
    const auto verdict = co_await call(self, limiter, RateLimiter::CheckRate{"ada"});
    std::printf("later: %s\n", verdict ? "ok" : "rate limit exceeded");
  });
}
