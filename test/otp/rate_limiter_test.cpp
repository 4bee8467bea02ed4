// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The three ways of counting as tables of times, and the process around them.
#include <algorithm>

#include <troupe/rate_limiter.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;
using enum RateAlgorithm;
using Limiter = RateLimiter<int>;

constexpr RateLimit two_per_second(RateAlgorithm algorithm) {
  return {.max = 2, .per = 1s, .algorithm = algorithm};
}

struct Request {
  Duration at;
  bool is_allowed;
  Duration retry_after = 0s;
};

void expect(RateAlgorithm algorithm, const std::vector<Request>& requests) {
  RateMeter meter;
  const RateLimit limit = two_per_second(algorithm);
  for (const Request& request : requests) {
    const RateDecision decision = meter.take(limit, request.at);
    EXPECT_EQ(decision.has_value(), request.is_allowed) << request.at.count();
    if (!decision) {
      EXPECT_EQ(decision.error().retry_after, request.retry_after) << request.at.count();
    }
  }
}

TEST(RateMeterTest, a_fixed_window_begins_anew_at_multiples_of_its_length) {
  expect(fixed_window, {{900ms, true},
                        {950ms, true},
                        {960ms, false, 40ms},
                        {1000ms, true},
                        {1001ms, true},
                        {1500ms, false, 500ms},
                        {7200ms, true}});
}

TEST(RateMeterTest, a_sliding_window_never_has_more_than_its_maximum) {
  expect(sliding_window, {{900ms, true},
                          {950ms, true},
                          {1000ms, false, 900ms},
                          {1899ms, false, 1ms},
                          {1900ms, true},
                          {1900ms, false, 50ms},
                          {1950ms, true},
                          {9000ms, true}});
}

TEST(RateMeterTest, a_token_bucket_allows_a_burst_and_then_an_even_flow) {
  expect(token_bucket, {{0ms, true},
                        {0ms, true},
                        {0ms, false, 500ms},
                        {499ms, false, 1ms},
                        {500ms, true},
                        {600ms, false, 400ms},
                        {1000ms, true},
                        {5000ms, true},
                        {5000ms, true},
                        {5000ms, false, 500ms}});
}

TEST(RateMeterTest, costs_count_and_what_is_left_is_told) {
  for (const RateAlgorithm algorithm : {fixed_window, sliding_window, token_bucket}) {
    const RateLimit limit{.max = 10, .per = 1s, .algorithm = algorithm};
    RateMeter meter;
    EXPECT_EQ(meter.take(limit, 0s, 7)->remaining, 3u);
    EXPECT_FALSE(meter.peek(limit, 0s, 4));
    EXPECT_EQ(meter.take(limit, 0s, 3)->remaining, 0u);
    EXPECT_TRUE(meter.take(limit, 0s, 0));
    EXPECT_FALSE(meter.take(limit, 0s));
    EXPECT_EQ(meter.take(limit, 0s, 11).error().retry_after, infinity);
    EXPECT_FALSE(meter.is_idle(limit, 999ms));
    EXPECT_TRUE(meter.is_idle(limit, 1s));
  }
}

// Whatever comes when: no stretch of a second has more than the maximum (the fixed window's own
// seconds, for that), and what retry_after promises holds.
TEST(RateMeterTest, no_stretch_of_time_has_too_many_and_retry_after_is_exact) {
  for (const RateAlgorithm algorithm : {fixed_window, sliding_window, token_bucket}) {
    const RateLimit limit{.max = 5, .per = 1s, .algorithm = algorithm};
    std::uint64_t random = 1;
    RateMeter meter;
    std::vector<Duration> allowed;
    Duration now = 0s;
    for (int i = 0; i < 2'000; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      now += 1ms * ((random >> 33) % 300);
      const RateDecision decision = meter.take(limit, now);
      if (decision) {
        allowed.push_back(now);
        const Duration since = algorithm == fixed_window ? now - now % limit.per : now - limit.per;
        const auto within = std::ranges::count_if(allowed, [&](Duration at) {
          return algorithm == fixed_window ? at >= since : at > since;
        });
        // A bucket gives its burst and, within the same second, what flows in meanwhile.
        EXPECT_LE(within, algorithm == token_bucket ? 10 : 5);
      } else {
        const Duration then = now + decision.error().retry_after;
        RateMeter later = meter;
        EXPECT_FALSE(later.peek(limit, then - 1ns));
        EXPECT_TRUE(later.peek(limit, then));
      }
    }
  }
}

class RateLimiterTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

TEST_F(RateLimiterTest, each_key_has_its_own_count) {
  on_every_executor([](Process& self) -> Async<> {
    const auto limiter =
        co_await Limiter::start_link(self, RateLimiterOptions{.limit = {.max = 2, .per = 1h}});
    EXPECT_EQ((co_await Limiter::consume(self, limiter, 1))->remaining, 1u);
    EXPECT_EQ((co_await Limiter::check(self, limiter, 1))->remaining, 0u);
    EXPECT_TRUE(co_await Limiter::consume(self, limiter, 1));
    EXPECT_FALSE(co_await Limiter::consume(self, limiter, 1));
    EXPECT_FALSE(co_await Limiter::check(self, limiter, 1));
    EXPECT_TRUE(co_await Limiter::check(self, limiter, 2));
    EXPECT_TRUE(co_await Limiter::consume(self, limiter, 2, 2));
    EXPECT_EQ(co_await Limiter::keys(self, limiter), (std::vector{2, 1}));
    co_await Limiter::reset(self, limiter, 1);
    EXPECT_TRUE(co_await Limiter::consume(self, limiter, 1));
    EXPECT_EQ(*(co_await sys::get_state(self, limiter.pid())).find(Atom{"keys"}), Term{2});
    co_await stop(self, limiter);
    EXPECT_THROW((void)co_await Limiter::consume(self, limiter, 1), CallException);
  });
}

TEST_F(RateLimiterTest, a_limit_that_cannot_be_is_refused) {
  on_every_executor([](Process& self) -> Async<> {
    for (const RateLimit& limit : {RateLimit{.max = 0}, RateLimit{.max = 100, .per = 99ns}}) {
      const auto none = co_await Limiter::try_start(self, RateLimiterOptions{.limit = limit});
      EXPECT_FALSE(none.has_value());
    }
  });
}

TEST_F(RateLimiterTest, waiting_takes_as_long_as_it_must_and_not_longer_than_asked) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto limiter = co_await Limiter::start_link(
        self, RateLimiterOptions{.limit = {.max = 1, .per = 1min, .algorithm = token_bucket}});
    const Duration begin = self.monotonic_time();
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(co_await Limiter::acquire(self, limiter, 1));
    EXPECT_GE(self.monotonic_time() - begin, 4min);
    EXPECT_LE(self.monotonic_time() - begin, 4min + 1s);
    const auto late = co_await Limiter::acquire(self, limiter, 1, 1, 1s);
    EXPECT_FALSE(late);
    EXPECT_GT(late.error().retry_after, 50s);
    EXPECT_FALSE(co_await Limiter::acquire(self, limiter, 1, 2));
    co_await stop(self, limiter);
  });
}

TEST_F(RateLimiterTest, idle_keys_are_forgotten_and_too_many_push_out_the_least_recent) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto limiter = co_await Limiter::start_link(
        self, RateLimiterOptions{.limit = {.max = 1, .per = 1s}, .max_keys = 3});
    for (const int key : {1, 2, 3, 1, 4}) (void)co_await Limiter::consume(self, limiter, key);
    EXPECT_EQ(co_await Limiter::keys(self, limiter), (std::vector{4, 1, 3}));
    EXPECT_TRUE(co_await Limiter::check(self, limiter, 2));
    co_await self.sleep(2s);
    EXPECT_TRUE((co_await Limiter::keys(self, limiter)).empty());
    co_await stop(self, limiter);
  });
}

struct Allowed {
  int count;
};
TEST_F(RateLimiterTest, many_clients_together_get_no_more_than_the_limit_under_every_schedule) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto limiter =
            co_await Limiter::start_link(self, RateLimiterOptions{.limit = {.max = 7, .per = 1h}});
        for (int i = 0; i < 5; ++i) {
          spawn_link(
              [](Process& p, Limiter::Ref of, Pid to) -> Async<> {
                int count = 0;
                for (int k = 0; k < 4; ++k) {
                  count += (co_await Limiter::consume(p, of, 1)).has_value();
                }
                send(to, Allowed{count});
              },
              limiter, self.pid());
        }
        int total = 0;
        for (int i = 0; i < 5; ++i) total += (co_await self.receive<Allowed>()).count;
        EXPECT_EQ(total, 7);
        co_await stop(self, limiter);
      },
      100);
}

TEST_F(RateLimiterTest, a_hundred_thousand_keys_are_counted_and_forgotten) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto limiter = co_await Limiter::start_link(self);
        for (int i = 0; i < 100'000; ++i) {
          EXPECT_TRUE(co_await Limiter::consume(self, limiter, i));
        }
        co_await self.sleep(1h);
        EXPECT_TRUE((co_await Limiter::keys(self, limiter)).empty());
        co_await stop(self, limiter);
      },
      1);
}

}  // namespace
}  // namespace troupe
