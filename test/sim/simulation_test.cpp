// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The simulator keeps its promises: a seed names a run, time is virtual, a deadlock is reported,
// and exploring finds a race that one schedule hides. Each body runs in simulations made here.
#include <chrono>
#include <cstdio>
#include <gtest/gtest.h>
#include <set>
#include <stdexcept>

#include <troupe/simulation.hpp>
#include <troupe/troupe.hpp>

namespace troupe {
namespace {

using namespace std::chrono_literals;

struct Ask {
  Pid from;
};
struct Answer {
  int value;
};

// Five processes that answer each other in no fixed order, with timers and blocking work between.
Async<> busy_body(Process& self) {
  for (int i = 0; i < 5; ++i) {
    spawn(
        [](Process& worker, Pid to, int number) -> Async<> {
          co_await worker.sleep(std::chrono::milliseconds{worker.random() % 5});
          const int value = co_await blocking(worker, [number] { return number * 2; });
          send(to, Answer{value});
        },
        self.pid(), i);
  }
  int sum = 0;
  for (int i = 0; i < 5; ++i) sum += (co_await self.receive<Answer>()).value;
  EXPECT_EQ(sum, 20);
}

Async<> wait_while_the_clock_is_set(Process& self, Simulation* simulation) {
  const Duration began = self.monotonic_time();
  const Duration date = self.system_time();
  send_after(self.pid(), 1h, Answer{1});
  simulation->shift_system_time(-24h);
  EXPECT_LT(self.system_time(), date);
  co_await self.receive<Answer>();
  EXPECT_GE(self.monotonic_time() - began, 1h);
  EXPECT_LT(self.monotonic_time() - began, 2h);
  simulation->shift_system_time(24h);
  EXPECT_EQ(self.system_time() - date, self.monotonic_time() - began);
}

TEST(Simulation, a_clock_that_is_set_moves_no_timer) {
  Simulation simulation{{.seed = 1}};
  EXPECT_TRUE(simulation.runtime().try_run(wait_while_the_clock_is_set, &simulation).has_value());
}

// Looks whether the name is free, asks somebody, and only then takes it: right in most schedules.
Async<> claim_leadership(Process& self, Pid adviser) {
  co_await self.sleep(std::chrono::milliseconds{self.random() % 40});
  if (!whereis("leader")) {
    send(adviser, Ask{self.pid()});
    co_await self.receive<Answer>();
    self.register_name("leader");
  }
  co_await self.sleep(1s);
}

Async<> two_claims(Process& self) {
  const Pid adviser = spawn([](Process& advising) -> Async<> {
    while (true) {
      const Ask ask = co_await advising.receive<Ask>();
      send(ask.from, Answer{1});
    }
  });
  spawn_monitor(claim_leadership, adviser);
  spawn_monitor(claim_leadership, adviser);
  for (int i = 0; i < 2; ++i) {
    const Down down = co_await self.receive<Down>();
    if (!down.reason.is_normal()) throw std::runtime_error("a claim failed");
  }
}

struct Replay {
  std::uint64_t schedule;
  std::uint64_t steps;
  Duration elapsed;
};

Replay run_once(std::uint64_t seed) {
  Simulation simulation{{.seed = seed}};
  EXPECT_TRUE(simulation.runtime().try_run(busy_body).has_value());
  return Replay{simulation.schedule(), simulation.steps(), simulation.elapsed()};
}

TEST(Simulation, the_same_seed_gives_the_same_run) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Replay first = run_once(seed);
    const Replay second = run_once(seed);
    EXPECT_EQ(first.schedule, second.schedule) << "seed " << seed;
    EXPECT_EQ(first.steps, second.steps);
    EXPECT_EQ(first.elapsed, second.elapsed);
  }
}

TEST(Simulation, other_seeds_give_other_schedules) {
  std::set<std::uint64_t> schedules;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) schedules.insert(run_once(seed).schedule);
  std::printf("200 seeds, %zu distinct schedules\n", schedules.size());
  EXPECT_GT(schedules.size(), 100u);
}

TEST(Simulation, a_day_of_waiting_takes_no_time) {
  Simulation simulation;
  const auto result = simulation.runtime().try_run([](Process& self) -> Async<int> {
    co_return co_await self.receive([](Answer) { return 1; }, after(24h, [] { return 2; }));
  });
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(*result, 2);
  EXPECT_GE(simulation.elapsed(), Duration{24h});
}

// The wheel would fire the message first in every run, as it was set first.
TEST(Simulation, a_message_and_a_limit_that_are_due_together_come_in_either_order) {
  std::set<bool> outcomes;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Simulation simulation{{.seed = seed}};
    outcomes.insert(*simulation.runtime().try_run([](Process& self) -> Async<bool> {
      send_after(self.pid(), 1ms, Answer{1});
      co_return (co_await self.receive<Answer>(1ms)).has_value();
    }));
  }
  EXPECT_EQ(outcomes.size(), 2u);
}

TEST(Simulation, everybody_waiting_for_ever_is_a_deadlock) {
  Simulation simulation;
  const auto result = simulation.runtime().try_run(
      [](Process& self) -> Async<> { co_await self.receive<Answer>(); });
  ASSERT_FALSE(result.has_value());
  EXPECT_TRUE(result.error().is(Atom{"deadlock"}));
}

TEST(Simulation, a_race_between_whereis_and_register_is_found_within_1000_seeds) {
  log::set_sink([](void*, const log::Record&) {}, nullptr);
  const Exploration found = explore(1, 1'000, two_claims);
  log::set_sink(nullptr, nullptr);
  std::printf("%llu runs, %llu distinct schedules, %llu failures, the first with seed %llu\n",
              static_cast<unsigned long long>(found.runs),
              static_cast<unsigned long long>(found.distinct_schedules),
              static_cast<unsigned long long>(found.failures),
              static_cast<unsigned long long>(found.first_failing_seed));
  EXPECT_GT(found.failures, 0u);
  EXPECT_LT(found.failures, found.runs) << "a race shows in some schedules, not in all";
}

}  // namespace
}  // namespace troupe
