// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Who runs next on a worker, on one thread, where that is the same every time; and that of several
// workers none sleeps for good while the others have much to do.
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <troupe/troupe.hpp>

#include "base/sanitizer.hpp"

namespace troupe {

// What processes on several workers count together.
struct AtOnce {
  std::atomic<int> computing{0};
  std::atomic<bool> were_two{false};
};
template <>
inline constexpr bool enable_message<std::shared_ptr<AtOnce>> = true;

namespace {

struct Number {
  int value;
};
struct Ran {
  std::string who;
};

constexpr int flood = 1'000;

Async<> tell(Process& self, Pid owner, std::string who, int turns) {
  for (int i = 1; i < turns; ++i) co_await self.yield();
  send(owner, Ran{std::move(who)});
}

Async<> take_numbers(Process& self, Pid owner) {
  for (int i = 0; i < flood; ++i) {
    (void)co_await self.receive<Number>();
    if (i == 0) send(owner, Ran{"the first number"});
  }
  send(owner, Ran{"the last number"});
}

void send_numbers(Process&, Pid to, Pid owner) {
  for (int i = 0; i < flood; ++i) send(to, Number{i});
  send(owner, Ran{"the sender"});
}

TEST(SchedulingTest, who_was_sent_much_takes_it_before_those_who_waited_longer_run) {
  Runtime runtime{{.execution = Execution::single}};
  const auto result = runtime.try_run([](Process& self) -> Async<> {
    const Pid taker = spawn(take_numbers, self.pid());
    co_await self.yield();
    spawn(send_numbers, taker, self.pid());
    spawn(tell, self.pid(), std::string{"a bystander"}, 1);
    std::vector<std::string> order;
    for (int i = 0; i < 4; ++i) order.push_back((co_await self.receive<Ran>()).who);
    const std::vector<std::string> expected{"the sender", "the first number", "the last number",
                                            "a bystander"};
    EXPECT_EQ(order, expected);
  });
  EXPECT_TRUE(result.has_value());
}

// Each floods the other as soon as it has taken all that the other has sent.
Async<> flood_back(Process& self, Pid other) {
  if (!other) other = co_await self.receive<Pid>();
  while (true) {
    for (int i = 0; i < flood; ++i) send(other, Number{i});
    for (int i = 0; i < flood; ++i) (void)co_await self.receive<Number>();
  }
}

TEST(SchedulingTest, two_who_flood_each_other_starve_nobody) {
  Runtime runtime{{.execution = Execution::single}};
  const auto result = runtime.try_run([](Process& self) -> Async<> {
    const Pid first = spawn(flood_back, Pid{});
    send(first, spawn(flood_back, first));
    spawn(tell, self.pid(), std::string{"normal"}, 50);
    spawn_with({.priority = Priority::low}, tell, self.pid(), std::string{"low"}, 50);
    spawn_with({.priority = Priority::high}, tell, self.pid(), std::string{"high"}, 50);
    std::vector<std::string> order;
    for (int i = 0; i < 3; ++i) order.push_back((co_await self.receive<Ran>()).who);
    EXPECT_EQ(order, (std::vector<std::string>{"high", "normal", "low"}));
  });
  EXPECT_TRUE(result.has_value());
}

int taken = 0;

Async<> count_taken(Process& self) {
  while (true) {
    (void)co_await self.receive<Number>();
    ++taken;
  }
}

TEST(SchedulingTest, those_who_come_from_outside_do_not_wait_for_one_who_keeps_yielding) {
  Runtime runtime{{.execution = Execution::single}};
  const auto result = runtime.try_run([](Process& self) -> Async<> {
    constexpr int many = 20'000;
    std::thread outside{[&runtime = self.runtime()] {
      for (int i = 0; i < many; ++i) spawn(runtime, [](Process&) {});
    }};
    outside.join();
    int yields = 0;
    for (; self.runtime().process_count() > 1; ++yields) co_await self.yield();
    EXPECT_LT(yields, many);
  });
  EXPECT_TRUE(result.has_value());
}

TEST(SchedulingTest, who_is_sent_much_by_timers_keeps_up_with_who_sets_them) {
  using namespace std::chrono_literals;
  Runtime runtime{{.execution = Execution::single}};
  const auto result = runtime.try_run([](Process& self) -> Async<> {
    constexpr int rounds = 100;
    constexpr int per_round = flood + flood / 3;  // it receives `flood` each time it is its turn
    taken = 0;
    const Pid taker = spawn(count_taken);
    for (int round = 0; round < rounds; ++round) {
      for (int i = 0; i < per_round; ++i) send_after(taker, 0ms, Number{i});
      co_await self.yield();
    }
    // A sanitizer makes a receipt dearer than the timer's part, and so nobody keeps up.
    if (!TROUPE_ADDRESS_SANITIZER && !TROUPE_THREAD_SANITIZER) {
      EXPECT_GT(taken, (rounds - 12) * per_round) << "of " << rounds * per_round;
    }
  });
  EXPECT_TRUE(result.has_value());
}

Async<> take_one(Process& self, Pid owner, std::string who) {
  (void)co_await self.receive<Number>();
  send(owner, Ran{std::move(who)});
}

// Never waits, so whoever is below it comes after its end.
Async<> keep_others_waiting(Process& self, std::vector<Pid> to, Pid owner) {
  std::thread outside{[&] {
    for (const Pid pid : to) send(pid, Number{0});
  }};
  outside.join();
  for (int i = 0; i < 1'000; ++i) co_await self.yield();
  send(owner, Ran{"the one that keeps yielding"});
}

TEST(SchedulingTest, who_is_woken_from_outside_has_its_priority) {
  Runtime runtime{{.execution = Execution::single}};
  const auto result = runtime.try_run([](Process& self) -> Async<> {
    std::vector<Pid> to;
    for (const auto& [priority, who] :
         {std::pair{Priority::normal, "normal"}, std::pair{Priority::high, "high"},
          std::pair{Priority::max, "max"}}) {
      to.push_back(spawn_with({.priority = priority}, take_one, self.pid(), std::string{who}).pid);
    }
    co_await self.yield();  // they wait
    spawn_with({.priority = Priority::high}, keep_others_waiting, to, self.pid());
    std::vector<std::string> order;
    for (int i = 0; i < 4; ++i) order.push_back((co_await self.receive<Ran>()).who);
    const std::vector<std::string> expected{"max", "high", "the one that keeps yielding", "normal"};
    EXPECT_EQ(order, expected);
  });
  EXPECT_TRUE(result.has_value());
}

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds patience{20};

void compute(std::chrono::microseconds time) {
  for (const auto until = Clock::now() + time; Clock::now() < until;) {
  }
}

// Wakes nobody and is woken by nobody, until two of them have computed at once.
Async<> yield_and_compute(Process& self, std::shared_ptr<AtOnce> all,
                          std::chrono::microseconds turn) {
  for (const auto end = Clock::now() + patience; !all->were_two && Clock::now() < end;) {
    if (++all->computing == 2) all->were_two = true;
    compute(turn);
    --all->computing;
    co_await self.yield();
  }
}

// As long as its turns are short nothing is to be gained by a second worker.
Async<> slow_down(Process& self, std::shared_ptr<AtOnce> all) {
  using namespace std::chrono_literals;
  for (const auto until = Clock::now() + 30ms; Clock::now() < until;) co_await self.yield();
  co_await yield_and_compute(self, all, 100us);
}

template <class Start>
void expect_two_at_once(int rounds, int processes, Start start) {
  // Several times, because on a busy machine short turns may seem long, and it takes some early.
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    Runtime runtime{{.workers = 2}};
    const auto all = std::make_shared<AtOnce>();
    const auto result = runtime.try_run(
        [](Process& self, std::shared_ptr<AtOnce> shared, int count, Start begin) -> Async<> {
          for (int i = 0; i < count; ++i) begin(shared);
          for (int i = 0; i < count; ++i) (void)co_await self.receive<Down>();
        },
        all, processes, start);
    EXPECT_TRUE(result.has_value());
    EXPECT_TRUE(all->were_two);
  }
}

class PrioritySchedulingTest : public testing::TestWithParam<Priority> {};

TEST_P(PrioritySchedulingTest, a_worker_that_slept_takes_from_those_who_only_compute_and_yield) {
  expect_two_at_once(6, 60, [](const std::shared_ptr<AtOnce>& all) {
    spawn_with({.priority = GetParam(), .monitor = true}, slow_down, all);
  });
}

TEST_P(PrioritySchedulingTest, a_few_who_never_wait_are_shared_however_short_their_turns_are) {
  using namespace std::chrono_literals;
  for (const auto turn : {1us, 10us}) {
    for (const int processes : {2, 3, 4}) {
      expect_two_at_once(6, processes, [turn](const std::shared_ptr<AtOnce>& all) {
        spawn_with({.priority = GetParam(), .monitor = true}, yield_and_compute, all, turn);
      });
    }
  }
}

TEST(SchedulingTest, a_thief_that_loses_its_core_while_it_looks_takes_all_the_same) {
  using namespace std::chrono_literals;
  std::atomic<bool> done{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i) {
    others.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed)) {
      }
    });
  }
  expect_two_at_once(1, 60, [](const std::shared_ptr<AtOnce>& all) {
    spawn_with({.monitor = true}, slow_down, all);
  });
  done = true;
  for (std::thread& other : others) other.join();
}

// Wait behind one of higher priority that does not wait, or two who always have mail for each
// other. With one worker that would be for ever, as in Erlang.
Async<> converse(Process& self, Pid other, std::shared_ptr<AtOnce> all) {
  if (!other) other = co_await self.receive<Pid>();
  const auto end = Clock::now() + patience;
  send(other, Number{0});
  while (!all->were_two && Clock::now() < end) {
    (void)co_await self.receive<Number>();
    send(other, Number{0});
  }
}

Async<> wait_behind(Process&, std::shared_ptr<AtOnce> all) {
  all->were_two = true;
  co_return;
}

Async<> keep_behind(Process& self, std::shared_ptr<AtOnce> all, Priority low, bool converses) {
  spawn_with({.priority = low}, wait_behind, all);
  if (converses) {
    const Pid other = spawn_with({.priority = Priority::high}, converse, Pid{}, all).pid;
    send(other, self.pid());
    co_await converse(self, other, all);
  } else {
    co_await yield_and_compute(self, all, std::chrono::microseconds{1});
  }
}

TEST(SchedulingTest, an_idle_worker_takes_whom_those_of_higher_priority_keep_waiting) {
  for (const Priority low : {Priority::normal, Priority::low}) {
    for (const bool converses : {false, true}) {
      expect_two_at_once(6, 1, [=](const std::shared_ptr<AtOnce>& all) {
        spawn_with({.priority = Priority::high, .monitor = true}, keep_behind, all, low, converses);
      });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Priorities, PrioritySchedulingTest,
                         testing::Values(Priority::low, Priority::normal, Priority::high,
                                         Priority::max));

}  // namespace
}  // namespace troupe
