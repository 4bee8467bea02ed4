// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "sliding_rate_limiter/sliding_rate_limiter.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using sliding_rate_limiter::RateLimiter;

Async<bool> allowed(Process& self, ServerRef<RateLimiter> limiter, const char* user) {
  co_return (co_await call(self, limiter, RateLimiter::CheckRate{user})).has_value();
}

TEST(SlidingRateLimiter, a_hundred_requests_a_minute_and_no_more) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto limiter = co_await RateLimiter::start_link(self);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(co_await allowed(self, limiter, "ada"));
    EXPECT_FALSE(co_await allowed(self, limiter, "ada"));
    EXPECT_TRUE(co_await allowed(self, limiter, "bob"));
  });
}

TEST(SlidingRateLimiter, the_window_slides) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto limiter = co_await RateLimiter::start_link(self, std::size_t{2}, Duration{60s});
    EXPECT_TRUE(co_await allowed(self, limiter, "ada"));
    co_await self.sleep(40s);
    EXPECT_TRUE(co_await allowed(self, limiter, "ada"));
    EXPECT_FALSE(co_await allowed(self, limiter, "ada"));
    co_await self.sleep(21s);  // the first is over a minute old, the second is not
    EXPECT_TRUE(co_await allowed(self, limiter, "ada"));
    EXPECT_FALSE(co_await allowed(self, limiter, "ada"));
  });
}

TEST(SlidingRateLimiter, forgets_users_who_do_not_come_back) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto limiter = co_await RateLimiter::start_link(self);
    for (const char* user : {"ada", "bob", "eve"}) co_await allowed(self, limiter, user);
    EXPECT_EQ(co_await call(self, limiter, RateLimiter::CountUsers{}), 3u);
    co_await self.sleep(3min);
    EXPECT_EQ(co_await call(self, limiter, RateLimiter::CountUsers{}), 0u);
  });
}

}  // namespace
