// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The solutions that the tutorial hides do what their exercises ask for.
#include <gtest/gtest.h>

#include "exercises/countdown.hpp"
#include "exercises/door.hpp"
#include "exercises/echo.hpp"
#include "exercises/escalation.hpp"
#include "exercises/fastest.hpp"
#include "exercises/queue.hpp"
#include "exercises/retry.hpp"
#include "exercises/stack.hpp"
#include "exercises/token_bucket.hpp"
#include "support/on_every_executor.hpp"

namespace {

using namespace exercises;

TEST(Exercises, countdown_counts_down) {
  test::on_every_executor([](Process& self) -> Async<> {
    spawn(countdown, 3, self.pid());
    for (const int n : {3, 2, 1, 0}) EXPECT_EQ(co_await self.receive<int>(), n);
  });
}

TEST(Exercises, echo_answers_shouts_and_ends) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto [pid, ref] = spawn_monitor(echo);
    send(pid, Say{"hello", self.pid()});
    EXPECT_EQ(co_await self.receive<std::string>(), "hello");
    send(pid, Say{"hello!", self.pid()});
    EXPECT_EQ(co_await self.receive<std::string>(), "HELLO!");
    send(pid, 5);
    send(pid, Quit{});
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
    spawn_monitor(echo);
    EXPECT_TRUE(co_await self.receive<Down>(61s));
  });
}

TEST(Exercises, a_stack_gives_back_in_reverse) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid pid = spawn(stack);
    send(pid, Push{1});
    send(pid, Push{2});
    for (const Popped& expected : {Popped{2}, Popped{1}, Popped{}}) {
      send(pid, Pop{self.pid()});
      EXPECT_EQ(co_await self.receive<Popped>(), expected);
    }
  });
}

TEST(Exercises, retry_runs_until_it_works_and_not_for_ever) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto third = [](Process&, int n) {
      if (n < 3) throw std::runtime_error("not yet");
    };
    EXPECT_EQ(co_await retry(self, third, 5), 3);
    EXPECT_EQ(co_await retry(self, third, 2), std::nullopt);
  });
}

TEST(Exercises, a_token_bucket_lets_bursts_through_and_then_a_trickle) {
  test::on_every_seed([](Process& self) -> Async<> {
    const Pid bucket = spawn(token_bucket, 3, Duration{1s});
    int granted = 0;
    for (int i = 0; i < 5; ++i) {
      send(bucket, Take{self.pid()});
      granted += (co_await self.receive<Granted>()).yes;
    }
    EXPECT_EQ(granted, 3);
    co_await self.sleep(1500ms);
    granted = 0;
    for (int i = 0; i < 5; ++i) {
      send(bucket, Take{self.pid()});
      granted += (co_await self.receive<Granted>()).yes;
    }
    EXPECT_EQ(granted, 1);
  });
}

TEST(Exercises, who_takes_from_an_empty_queue_waits) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto queue = co_await WaitingQueue::start_link(self);
    auto first = send_request(self, queue, WaitingQueue::Take{});
    auto second = send_request(self, queue, WaitingQueue::Take{});
    cast(queue, WaitingQueue::Put{1});
    cast(queue, WaitingQueue::Put{2});
    EXPECT_EQ((co_await first.response()).value(), 1);
    EXPECT_EQ((co_await second.response()).value(), 2);
  });
}

Async<int> sleepy(Process& self, Duration time, int result) {
  co_await self.sleep(time);
  co_return result;
}

TEST(Exercises, the_fastest_task_wins_and_the_others_are_gone) {
  test::on_every_seed([](Process& self) -> Async<> {
    std::vector<TaskRef<int>> tasks;
    tasks.push_back(Task::async(self, sleepy, Duration{1h}, 1));
    tasks.push_back(Task::async(self, sleepy, Duration{1s}, 2));
    const Pid slow = tasks[0].pid;
    EXPECT_EQ(co_await fastest(self, tasks, 1min), 2);
    EXPECT_FALSE(co_await is_alive(self, slow));
  });
}

TEST(Exercises, a_supervisor_gives_up) {
  test::on_every_executor(
      [](Process& self) -> Async<> { EXPECT_TRUE(co_await gives_up(self, 3)); });
}

TEST(Exercises, the_bell_rings_where_somebody_lives) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await Registry::start_link(self, {.name = "flats"});
    spawn(live_in, 7, self.pid());
    co_await self.receive<bool>();
    EXPECT_TRUE(ring(7));
    EXPECT_FALSE(ring(8));
    EXPECT_EQ(co_await self.receive<std::string>(), "flat 7 hears the bell");
  });
}

}  // namespace
