// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/task_stream.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class TaskStreamTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

Async<int> sleeps_ms(Process& self, int ms) {
  co_await self.sleep(std::chrono::milliseconds{ms});
  co_return ms;
}

template <class Stream>
Async<std::string> all_of(Stream& stream) {
  std::string all;
  while (auto outcome = co_await stream.next()) {
    if (!all.empty()) all += ", ";
    all += *outcome ? std::to_string(**outcome) : outcome->error().to_string();
  }
  co_return all;
}

TEST_F(TaskStreamTest, outcomes_come_in_the_order_of_the_input) {
  on_every_executor([](Process& self) -> Async<> {
    auto stream = async_stream(self, std::vector{30, 1, 10}, sleeps_ms, {.max_concurrency = 3});
    EXPECT_EQ(co_await all_of(stream), "30, 1, 10");
    auto empty = async_stream(self, std::vector<int>{}, sleeps_ms);
    EXPECT_EQ(co_await all_of(empty), "");
    std::vector<int> numbers;
    for (int i = 1; i <= 100; ++i) numbers.push_back(i);
    int sum = 0;
    auto squares = async_stream(self, numbers, [](int n) { return n * n; });
    while (auto outcome = co_await squares.next()) sum += **outcome;
    EXPECT_EQ(sum, 338'350);
  });
}

TEST_F(TaskStreamTest, without_order_outcomes_come_as_they_finish) {
  on_every_executor([](Process& self) -> Async<> {
    const auto in_turn = [](Process& p, int n) -> Async<int> {
      if (n > 1) {
        p.register_name("turn_" + std::to_string(n));
        co_await p.receive<Atom>();
      }
      co_return n;
    };
    auto stream = async_stream(self, std::vector{3, 1, 2}, in_turn,
                               {.max_concurrency = 3, .ordered = false, .timeout = infinity});
    EXPECT_EQ(**(co_await stream.next()), 1);
    for (const int n : {2, 3}) {
      const std::string name = "turn_" + std::to_string(n);
      while (!whereis(name)) co_await self.yield();
      send(name, Atom{"go"});
      EXPECT_EQ(**(co_await stream.next()), n);
    }
    EXPECT_FALSE(co_await stream.next());
  });
}

TEST_F(TaskStreamTest, inputs_are_pulled_only_when_there_is_a_place) {
  on_every_executor([](Process& self) -> Async<> {
    int pulled = 0;
    const auto source = [&pulled]() -> std::optional<int> { return pulled++; };
    const auto only_two_end = [](Process& p, int n) -> Async<int> {
      if (n >= 2) co_await p.sleep(infinity);
      co_return n;
    };
    auto stream = async_stream(self, source, only_two_end,
                               {.max_concurrency = 3, .ordered = false, .timeout = infinity});
    EXPECT_LT(**(co_await stream.next()), 2);
    EXPECT_LT(**(co_await stream.next()), 2);
    EXPECT_LE(pulled, 5);
    co_await stream.stop();
    EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 0u);
  });
}

TEST_F(TaskStreamTest, a_late_element_ends_the_consumer_or_is_killed_alone) {
  // In virtual time: on a busy machine any element may be late.
  test::on_every_seed([](Process& self) -> Async<> {
    auto kills =
        async_stream(self, std::vector{1, 60'000, 2}, sleeps_ms,
                     {.max_concurrency = 3, .timeout = 50ms, .on_timeout = OnTimeout::kill_task});
    EXPECT_EQ(co_await all_of(kills), "1, timeout, 2");
    auto exits = async_stream(self, std::vector{1, 60'000, 2}, sleeps_ms,
                              {.max_concurrency = 3, .timeout = 50ms});
    ExitReason why;
    try {
      (void)co_await all_of(exits);
    } catch (const TaskException& exception) {
      why = exception.why();
    }
    EXPECT_EQ(why, ExitReason{atoms::timeout});
    EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 0u);
  });
}

int bad_at_two(Process& self, int n) {
  if (n == 2) self.exit("two_is_bad");
  return n;
}
Async<> consumes(Process& self) {
  auto stream = async_stream(self, std::vector{1, 2, 3}, bad_at_two);
  (void)co_await all_of(stream);
}

TEST_F(TaskStreamTest, a_crash_ends_a_linked_consumer_and_is_an_outcome_otherwise) {
  on_every_executor([](Process& self) -> Async<> {
    spawn_monitor(consumes);
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"two_is_bad"});
    const auto sup = co_await TaskSupervisor::start_link(self);
    auto stream = async_stream_nolink(self, sup, std::vector{1, 2, 3}, bad_at_two);
    EXPECT_EQ(co_await all_of(stream), "1, two_is_bad, 3");
    co_await stop(self, sup);
  });
}

TEST_F(TaskStreamTest, a_dropped_stream_kills_its_tasks) {
  on_every_executor([](Process& self) -> Async<> {
    Pid task;
    {
      auto stream = async_stream(self, std::vector{60'000},
                                 [](Process& p, int ms) -> Async<int> {
                                   co_await p.sleep(std::chrono::milliseconds{ms});
                                   co_return ms;
                                 },
                                 {.timeout = 1ms, .on_timeout = OnTimeout::kill_task});
      EXPECT_EQ((co_await stream.next())->error(), ExitReason{atoms::timeout});
      auto second = async_stream(self, std::vector{1, 60'000}, sleeps_ms, {.max_concurrency = 2});
      EXPECT_EQ(**(co_await second.next()), 1);
      const auto info = co_await process_info(self, self.pid());
      EXPECT_EQ(info->links.size(), 1u);
      task = info->links.at(0);
    }
    EXPECT_FALSE(co_await is_alive(self, task));
  });
}

TEST_F(TaskStreamTest, a_hundred_thousand_elements_pass) {
  test::on_real_executors([](Process& self) -> Async<> {
    int next = 0;
    const auto source = [&next]() -> std::optional<int> {
      return next < 100'000 ? std::optional{next++} : std::nullopt;
    };
    auto stream = async_stream(self, source, [](int n) { return n & 1; }, {.max_concurrency = 64});
    int odd = 0;
    while (auto outcome = co_await stream.next()) odd += **outcome;
    EXPECT_EQ(odd, 50'000);
  });
}

class TaskSupervisorTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

TEST_F(TaskSupervisorTest, a_supervised_task_is_not_linked_to_its_caller) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await TaskSupervisor::start_link(self);
    const auto good = co_await TaskSupervisor::async_nolink(self, sup, [] { return 42; });
    EXPECT_EQ(co_await Task::await(self, good), 42);
    const auto crashes = [](Process& p) { p.exit("crash"); };
    const auto bad = co_await TaskSupervisor::async_nolink(self, sup, crashes);
    EXPECT_EQ((co_await Task::yield(self, bad))->error(), ExitReason{"crash"});
    const auto told = co_await TaskSupervisor::async_nolink(self, sup, crashes);
    EXPECT_EQ((co_await self.receive<Down>()).ref, told.ref);
    const auto waits = co_await TaskSupervisor::async_nolink(
        self, sup, [](Process& p) -> Async<> { co_await p.sleep(infinity); });
    EXPECT_EQ(co_await TaskSupervisor::children(self, sup), std::vector{waits.pid});
    (void)co_await TaskSupervisor::terminate_child(self, sup, waits.pid);
    EXPECT_EQ((co_await Task::yield(self, waits))->error(), ExitReason{atoms::shutdown});
    co_await stop(self, sup);
  });
}

Async<> runs_until_told(Process& self, Pid tell) {
  send(tell, self.pid());
  self.exit(co_await self.receive<ExitReason>());
}

TEST_F(TaskSupervisorTest, fire_and_forget_tasks_are_temporary_unless_asked_otherwise) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await TaskSupervisor::start_link(self);
    const Pid first = co_await TaskSupervisor::start_child(self, sup, runs_until_told, self.pid());
    EXPECT_EQ(co_await self.receive<Pid>(), first);
    send(first, ExitReason{"boom"});
    while (!(co_await TaskSupervisor::children(self, sup)).empty()) co_await self.yield();
    EXPECT_FALSE((co_await self.receive<Pid>(0ms)).has_value());
    const Pid again =
        co_await TaskSupervisor::start_child(self, sup, transient, runs_until_told, self.pid());
    EXPECT_EQ(co_await self.receive<Pid>(), again);
    send(again, ExitReason{"boom"});
    const Pid restarted = co_await self.receive<Pid>();
    EXPECT_NE(restarted, again);
    self.monitor(restarted);
    co_await stop(self, sup);
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{atoms::shutdown});
  });
}

TEST_F(TaskStreamTest, every_element_has_one_outcome_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto sup = co_await TaskSupervisor::start_link(self);
        std::vector<int> inputs;
        for (int i = 0; i < 30; ++i) inputs.push_back(i);
        const bool ordered = self.random() % 2 == 0;
        auto stream =
            async_stream_nolink(self, sup, inputs,
                                [](Process& p, int n) -> Async<int> {
                                  if (n % 5 == 1) p.exit("bad");
                                  co_await p.sleep(n % 5 == 2 ? Duration{1h} : Duration{1us});
                                  co_return n;
                                },
                                {.max_concurrency = 4,
                                 .ordered = ordered,
                                 .timeout = 50ms,
                                 .on_timeout = OnTimeout::kill_task});
        int good = 0;
        int bad = 0;
        int late = 0;
        while (auto outcome = co_await stream.next()) {
          good += outcome->has_value();
          bad += !*outcome && outcome->error().is(Atom{"bad"});
          late += !*outcome && outcome->error().is(atoms::timeout);
        }
        EXPECT_EQ(good, 18);
        EXPECT_EQ(bad, 6);
        EXPECT_EQ(late, 6);
        while (!(co_await TaskSupervisor::children(self, sup)).empty()) co_await self.yield();
        EXPECT_EQ((co_await process_info(self, self.pid()))->mailbox_length, 0u);
        co_await stop(self, sup);
      },
      100);
}

}  // namespace
}  // namespace troupe
