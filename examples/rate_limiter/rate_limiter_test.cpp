// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "rate_limiter/rate_limiter.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace rate_limiter;

constexpr Limit three_a_minute{.requests = 3, .window = 1min};

TEST(RateLimiter, counts_down_and_refuses_beyond_the_limit) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid limits = spawn(limiter, three_a_minute);
    for (const int left : {2, 1, 0}) EXPECT_EQ(co_await check_request(self, limits, "ada"), left);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(co_await check_request(self, limits, "ada"),
                std::unexpected{Refused::rate_limited});
    }
  });
}

TEST(RateLimiter, each_client_has_a_limit_of_its_own) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid limits = spawn(limiter, Limit{.requests = 1, .window = 1min});
    EXPECT_EQ(co_await check_request(self, limits, "ada"), 0);
    EXPECT_EQ(co_await check_request(self, limits, "bob"), 0);
    EXPECT_FALSE(co_await check_request(self, limits, "ada"));
  });
}

TEST(RateLimiter, a_new_window_opens_when_the_time_is_over) {
  test::on_every_seed([](Process& self) -> Async<> {
    const Pid limits = spawn(limiter, three_a_minute);
    for (int i = 0; i < 4; ++i) co_await check_request(self, limits, "ada");
    co_await self.sleep(61s);
    EXPECT_EQ(co_await check_request(self, limits, "ada"), 2);
  });
}

TEST(RateLimiter, the_process_of_a_client_that_is_gone_ends_and_another_takes_its_place) {
  test::on_every_seed([](Process& self) -> Async<> {
    const Pid limits = spawn(limiter, three_a_minute);
    co_await check_request(self, limits, "ada");
    const std::size_t with_ada = self.runtime().process_count();
    co_await self.sleep(30min);
    EXPECT_EQ(self.runtime().process_count(), with_ada - 1);
    EXPECT_EQ(co_await check_request(self, limits, "ada"), 2);
  });
}

TEST(RateLimiter, a_check_that_meets_an_idle_client_process_is_answered) {
  test::on_every_executor([](Process& self) -> Async<> {
    // The test is the limiter, and sends a check after the client has said that it is idle.
    const Limit limit{.requests = 3, .window = 1ms};
    const Alias reply_to = self.alias();
    const auto process = spawn_monitor(client, self.pid(), std::string{"ada"}, limit);
    for (int round = 0; round < 3; ++round) {
      EXPECT_EQ((co_await self.receive<Idle>()).checks, round);
      send(process.pid, Check{"ada", reply_to});
      EXPECT_TRUE((co_await self.receive<rate_limiter::Answer>()).remaining.has_value());
    }
    send(process.pid, Leave{});
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
  });
}

TEST(RateLimiter, no_check_is_lost_around_the_moment_at_which_a_client_is_given_up) {
  test::on_every_seed([](Process& self) -> Async<> {
    const Pid limits = spawn(limiter, three_a_minute);
    for (int i = 0; i < 20; ++i) {
      // Ten windows after the end of the first one.
      EXPECT_EQ(co_await check_request(self, limits, "ada"), 2);
      co_await self.sleep(11min);
    }
  });
}

TEST(RateLimiter, a_limiter_that_does_not_answer_gives_timeout_after_five_seconds) {
  test::on_every_seed([](Process& self) -> Async<> {
    const Pid silent = spawn([](Process& me) -> Async<> { co_await me.sleep(1h); });
    EXPECT_EQ(co_await check_request(self, silent, "ada"), std::unexpected{Refused::timeout});
  });
}

}  // namespace
