// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The circuit breaker's states, and retry with its delays.
#include <stdexcept>

#include <troupe/circuit_breaker.hpp>
#include <troupe/retry.hpp>
#include <troupe/spawn.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;
using Breaker = CircuitBreaker;
using State = BreakerState;
using Outcome = std::expected<int, std::string>;

class FlowTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Ready {};

Outcome good(Process&) { return 1; }
Outcome bad(Process&) { return std::unexpected("broken"); }

TEST_F(FlowTest, as_many_failures_in_a_row_open_the_breaker_and_a_success_between_does_not) {
  on_every_executor([](Process& self) -> Async<> {
    const auto breaker = co_await Breaker::start_link(self, BreakerOptions{.failures = 3});
    for (const auto f : {bad, bad, good, bad, bad}) {
      EXPECT_TRUE((co_await Breaker::run(self, breaker, f)).has_value());
    }
    EXPECT_EQ(co_await Breaker::state(self, breaker), State::closed);
    EXPECT_EQ((co_await Breaker::run(self, breaker, bad)).value().error(), "broken");
    EXPECT_EQ(co_await Breaker::state(self, breaker), State::open);
    int asked = 0;
    const auto refused = co_await Breaker::run(self, breaker, [&](Process&) { return ++asked; });
    EXPECT_FALSE(refused);
    EXPECT_GT(refused.error().retry_after, 0s);
    EXPECT_EQ(asked, 0);
    EXPECT_EQ(*(co_await sys::get_state(self, breaker.pid())).find(Atom{"state"}), atom("open"));
    co_await Breaker::reset(self, breaker);
    EXPECT_EQ(co_await Breaker::state(self, breaker), State::closed);
    co_await stop(self, breaker);
  });
}

TEST_F(FlowTest, after_the_pause_one_trial_decides) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto breaker =
            co_await Breaker::start_link(self, BreakerOptions{.failures = 1, .pause = 100ms});
        (void)co_await Breaker::run(self, breaker, bad);
        co_await self.sleep(150ms);
        EXPECT_EQ(co_await Breaker::state(self, breaker), State::half_open);
        {
          auto trial = co_await Breaker::ask(self, breaker);
          EXPECT_TRUE(trial);
          EXPECT_FALSE(co_await Breaker::ask(self, breaker));  // one at a time
          trial->failed();
        }
        EXPECT_EQ(co_await Breaker::state(self, breaker), State::open);
        co_await self.sleep(150ms);
        EXPECT_TRUE(co_await Breaker::run(self, breaker, good));
        EXPECT_EQ(co_await Breaker::state(self, breaker), State::closed);
        co_await stop(self, breaker);
      },
      100);
}

TEST_F(FlowTest, an_exception_is_a_failure_and_goes_on_to_the_caller) {
  on_every_executor([](Process& self) -> Async<> {
    const auto breaker = co_await Breaker::start_link(self, BreakerOptions{.failures = 1});
    const auto throws = [](Process&) -> Async<> {
      throw std::runtime_error{"down"};
      co_return;
    };
    EXPECT_THROW(co_await Breaker::run(self, breaker, throws), std::runtime_error);
    EXPECT_EQ(co_await Breaker::state(self, breaker), State::open);
    co_await stop(self, breaker);
    EXPECT_THROW((void)co_await Breaker::run(self, breaker, good), CallException);
    EXPECT_FALSE(co_await Breaker::try_start(self, BreakerOptions{.failures = 0}));
  });
}

TEST_F(FlowTest, a_trial_whose_process_dies_frees_its_place_and_one_that_hangs_has_failed) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto breaker = co_await Breaker::start_link(
        self, BreakerOptions{.failures = 1, .pause = 1s, .trial_time = 10s});
    (void)co_await Breaker::run(self, breaker, bad);
    co_await self.sleep(1500ms);
    const auto hangs = [](Process& p, Breaker::Ref of, Pid to) -> Async<> {
      const auto permit = co_await Breaker::ask(p, of);
      EXPECT_TRUE(permit);
      send(to, Ready{});
      co_await p.sleep(infinity);
    };
    const auto [trial, ref] = spawn_monitor(hangs, breaker, self.pid());
    co_await self.receive<Ready>();
    EXPECT_FALSE(co_await Breaker::ask(self, breaker));
    exit(trial, atoms::kill);
    co_await self.receive<Down>();
    EXPECT_EQ(co_await Breaker::state(self, breaker), State::half_open);
    spawn(hangs, breaker, self.pid());
    co_await self.receive<Ready>();
    EXPECT_FALSE(co_await Breaker::ask(self, breaker));
    co_await self.sleep(10500ms);
    EXPECT_EQ(co_await Breaker::state(self, breaker), State::open);
    co_await self.sleep(1500ms);
    EXPECT_EQ(co_await Breaker::state(self, breaker), State::half_open);
    co_await stop(self, breaker);
  });
}

TEST_F(FlowTest, several_trials_must_succeed_where_that_is_asked_for) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto breaker =
        co_await Breaker::start_link(self, BreakerOptions{.failures = 1, .pause = 1s, .trials = 2});
    (void)co_await Breaker::run(self, breaker, bad);
    co_await self.sleep(1500ms);
    EXPECT_TRUE(co_await Breaker::run(self, breaker, good));
    EXPECT_EQ(co_await Breaker::state(self, breaker), State::half_open);
    EXPECT_TRUE(co_await Breaker::run(self, breaker, good));
    EXPECT_EQ(co_await Breaker::state(self, breaker), State::closed);
    co_await stop(self, breaker);
  });
}

TEST_F(FlowTest, an_outcome_from_before_the_breaker_opened_counts_for_nothing) {
  on_every_executor([](Process& self) -> Async<> {
    const auto breaker = co_await Breaker::start_link(self, BreakerOptions{.failures = 1});
    auto early = co_await Breaker::ask(self, breaker);
    (void)co_await Breaker::run(self, breaker, bad);
    early->succeeded();
    EXPECT_EQ(co_await Breaker::state(self, breaker), State::open);
    co_await stop(self, breaker);
  });
}

TEST_F(FlowTest, retry_gives_the_first_success_or_the_last_failure) {
  test::on_every_seed([](Process& self) -> Async<> {
    int calls = 0;
    const auto third_time = [&calls](Process&) -> Outcome {
      return ++calls < 3 ? Outcome{std::unexpected("not yet")} : Outcome{calls};
    };
    EXPECT_EQ(co_await retry(self, {.attempts = 5}, third_time), Outcome{3});
    calls = -10;
    EXPECT_FALSE((co_await retry(self, {.attempts = 5}, third_time)).has_value());
    EXPECT_EQ(calls, -5);
    const auto final = [](const std::string& error) { return error != "not yet"; };
    calls = 0;
    EXPECT_FALSE((co_await retry(self, {.attempts = 5}, third_time, final)).has_value());
    EXPECT_EQ(calls, 1);
  });
}

TEST_F(FlowTest, retry_waits_between_the_attempts_longer_each_time) {
  test::on_every_seed([](Process& self) -> Async<> {
    const Duration begin = self.monotonic_time();
    const RetryOptions options{.attempts = 5, .first_delay = 1s, .max_delay = 3s, .jitter = 0};
    (void)co_await retry(self, options, bad);
    const Duration spent = self.monotonic_time() - begin;
    EXPECT_GE(spent, 1s + 2s + 3s + 3s);
    EXPECT_LT(spent, 10s);
  });
}

struct Nobody : GenServer<Nobody> {
  struct Ask {
    using Reply = int;
  };
  int handle_call(Ask) { return 1; }
};

TEST_F(FlowTest, retry_repeats_what_throws_but_not_an_exit) {
  test::on_every_seed([](Process& self) -> Async<> {
    int calls = 0;
    const auto throws = [&calls](Process&) -> Async<> {
      ++calls;
      throw std::runtime_error{"always"};
      co_return;
    };
    EXPECT_THROW(co_await retry(self, {.attempts = 3}, throws), std::runtime_error);
    EXPECT_EQ(calls, 3);
    calls = 0;
    const auto asks_nobody = [&calls](Process& p) -> Async<int> {
      ++calls;
      co_return co_await call(p, named<Nobody>("nobody"), Nobody::Ask{});
    };
    EXPECT_THROW((void)co_await retry(self, {.attempts = 3}, asks_nobody), CallException);
    EXPECT_EQ(calls, 3);
    calls = 0;
    const auto exits = [&calls](Process& p) -> int {
      ++calls;
      p.exit("enough");
    };
    EXPECT_THROW((void)co_await retry(self, {.attempts = 3}, exits), ExitException);
    EXPECT_EQ(calls, 1);
  });
}

TEST_F(FlowTest, delays_grow_to_their_maximum_and_jitter_only_shortens_them) {
  RetryDelays even{{.first_delay = 10ms, .growth = 3, .max_delay = 100ms, .jitter = 0}};
  for (const Duration expected : {10ms, 30ms, 90ms, 100ms, 100ms}) {
    EXPECT_EQ(even.next(~0ull), expected);
  }
  even.reset();
  EXPECT_EQ(even.next(0), 10ms);
  RetryDelays uneven{{.first_delay = 100ms, .growth = 1, .max_delay = 1s, .jitter = 0.5}};
  EXPECT_EQ(uneven.next(0), 100ms);
  EXPECT_NEAR(static_cast<double>(uneven.next(~0ull).count()), 50e6, 10);
  RetryDelays endless{{.first_delay = 1h, .growth = 1e300, .max_delay = infinity}};
  for (int i = 0; i < 5; ++i) EXPECT_GE(endless.next(0), 1h);
}

TEST_F(FlowTest, a_hundred_thousand_requests_pass_a_closed_breaker) {
  test::on_two_workers([](Process& self) -> Async<> {
    const auto breaker = co_await Breaker::start_link(self);
    for (int i = 0; i < 100'000; ++i) {
      EXPECT_TRUE(co_await Breaker::run(self, breaker, i % 5 ? bad : good));
    }
    EXPECT_EQ(co_await Breaker::state(self, breaker), State::closed);
    co_await stop(self, breaker);
  });
}

TEST_F(FlowTest, a_breaker_recovers_whatever_came_before_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto breaker =
            co_await Breaker::start_link(self, BreakerOptions{.failures = 3, .pause = 10ms});
        const auto client = [](Process& p, ServerRef<Breaker> at, Pid tell) -> Async<> {
          int passed = 0;
          for (int i = 0; i < 20; ++i) {
            const auto outcome = co_await Breaker::run(p, at, [&](Process& q) -> Async<Outcome> {
              ++passed;
              co_await q.sleep(std::chrono::microseconds{q.random() % 20});
              if (q.random() % 8 == 0) q.exit("client_dies");
              co_return q.random() % 2 == 0 ? good(q) : bad(q);
            });
            if (outcome) continue;
            EXPECT_GT(outcome.error().retry_after, 0s);
            co_await p.sleep(1ms);
          }
          send(tell, passed);
        };
        for (int i = 0; i < 5; ++i) self.monitor(spawn(client, breaker, self.pid()));
        for (int i = 0; i < 5; ++i) (void)co_await self.receive<Down>();
        // Nobody is left who could hold the place of the trial.
        co_await self.sleep(1h);
        EXPECT_TRUE((co_await Breaker::run(self, breaker, good)).has_value());
        EXPECT_EQ(co_await Breaker::state(self, breaker), State::closed);
        co_await stop(self, breaker);
      },
      100);
}

TEST_F(FlowTest, a_hundred_thousand_attempts_are_made_where_so_many_are_asked_for) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        int calls = 0;
        const auto fails = [&calls](Process&) -> Outcome {
          ++calls;
          return std::unexpected("broken");
        };
        const RetryOptions options{.attempts = 100'000, .first_delay = 1us, .max_delay = 1us};
        EXPECT_FALSE((co_await retry(self, options, fails)).has_value());
        EXPECT_EQ(calls, 100'000);
      },
      1);
}

TEST_F(FlowTest, retry_is_interrupted_by_the_end_of_its_process_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto endless = [](Process& p, Pid tell) -> Async<> {
          (void)co_await retry(p, {.attempts = ~0u, .first_delay = 1ms, .max_delay = 1ms},
                               [tell](Process&) -> Outcome {
                                 send(tell, Ready{});
                                 return std::unexpected("broken");
                               });
        };
        const auto [pid, ref] = spawn_monitor(endless, self.pid());
        const std::uint64_t enough = self.random() % 10;
        for (std::uint64_t i = 0; i <= enough; ++i) co_await self.receive<Ready>();
        exit(pid, "enough");
        EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"enough"});
        while (co_await self.receive<Ready>(0ms)) {
        }
        EXPECT_FALSE((co_await self.receive<Ready>(1h)).has_value());
      },
      100);
}

}  // namespace
}  // namespace troupe
