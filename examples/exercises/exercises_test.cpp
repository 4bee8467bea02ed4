// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The solutions that the tutorial hides do what their exercises ask for.
#include <gtest/gtest.h>
#include <vector>

#include "exercises/countdown.hpp"
#include "exercises/door.hpp"
#include "exercises/echo.hpp"
#include "exercises/escalation.hpp"
#include "exercises/fastest.hpp"
#include "exercises/limited_pool.hpp"
#include "exercises/queue.hpp"
#include "exercises/retry.hpp"
#include "exercises/stack.hpp"
#include "exercises/supervised_users.hpp"
#include "exercises/token_bucket.hpp"
#include "exercises/versioned_session.hpp"
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

Async<> crash(Process& self, Pid victim, ten_thousand_users::Crash how) {
  self.monitor(victim);
  send(victim, how);
  co_await self.receive(when([victim](const Down& m) { return m.pid == victim; }, [](Down) {}));
}

Async<std::size_t> online(Process& self) {
  co_return co_await call(self, named<Hub>("hub"), Hub::Online{});
}

TEST(Exercises, a_hub_that_crashes_still_knows_its_users) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start_users(self);
    std::vector<Pid> users;
    for (int i = 0; i < 3; ++i) {
      users.push_back(co_await call(self, named<Hub>("hub"), Hub::Join{}));
    }
    const auto hub = named<Hub>("hub");
    const Pid before = hub.pid();
    exit(before, atoms::kill);
    for (Pid now = before; !now || now == before; now = hub.pid()) co_await self.yield();
    EXPECT_EQ(co_await online(self), 3u);
    cast(named<Hub>("hub"), Broadcast{"hello"});
    for (const Pid pid : users) {
      while (co_await ten_thousand_users::unread_of(self, pid) != 1) co_await self.yield();
    }
    co_await crash(self, users[0], {});
    while (co_await online(self) != 2) co_await self.yield();
  });
}

Async<int> work(Process& self, int seconds) {
  if (seconds < 0) throw std::runtime_error("a job that crashes");
  co_await self.sleep(Duration{seconds * 1s});
  co_return seconds;
}

TEST(Exercises, a_short_job_does_not_wait_behind_a_long_one_while_there_is_room) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto pool = co_await LimitedPool::start_link(self, std::size_t{2});
    const Duration start = self.monotonic_time();
    auto first = send_request(self, pool, LimitedPool::Execute{Job{work, 3'600}});
    auto crashed = send_request(self, pool, LimitedPool::Execute{Job{work, -1}});
    std::vector<PendingReply<int>> answers;
    for (int i = 0; i < 10; ++i) {
      answers.push_back(send_request(self, pool, LimitedPool::Execute{Job{work, 1}}));
    }
    for (auto& answer : answers) EXPECT_EQ((co_await answer.response(infinity)).value(), 1);
    EXPECT_GE(self.monotonic_time() - start, Duration{10s});  // one place is taken: one by one
    EXPECT_LT(self.monotonic_time() - start, Duration{1min});
    EXPECT_EQ((co_await first.response(infinity)).value(), 3'600);
    EXPECT_FALSE(co_await crashed.response(0s));
  });
}

TEST(Exercises, who_writes_a_whole_session_on_an_old_version_is_refused) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto session = co_await VersionedSession::start_link(self);
    auto one = co_await call(self, session, VersionedSession::Read{});
    auto other = co_await call(self, session, VersionedSession::Read{});
    one.data["cart"] = "3 books";
    other.data["theme"] = "dark";
    EXPECT_TRUE(co_await call(self, session, VersionedSession::Write{one}));
    EXPECT_FALSE(co_await call(self, session, VersionedSession::Write{other}));
    const auto content = co_await call(self, session, VersionedSession::Read{});
    EXPECT_EQ(content.data, (exercises::Data{{"cart", "3 books"}}));
  });
}

TEST(Exercises, of_ten_that_set_a_field_at_once_none_is_lost) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto session = co_await VersionedSession::start_link(self);
    for (int i = 0; i < 10; ++i) {
      spawn_monitor(set_field, session, std::to_string(i), std::string{"set"});
    }
    for (int i = 0; i < 10; ++i) co_await self.receive<Down>();
    const auto content = co_await call(self, session, VersionedSession::Read{});
    EXPECT_EQ(content.data.size(), 10u);
    EXPECT_EQ(content.version, 10);
  });
}

}  // namespace
