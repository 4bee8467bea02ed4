// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/task.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class TaskTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

Async<int> sleeps(Process& self, Duration time, int value) {
  co_await self.sleep(time);
  co_return value;
}
Async<int> waits_for_go(Process& self) {
  co_await self.receive<Atom>();
  co_return 1;
}
Async<int> never(Process& self) {
  co_await self.sleep(infinity);
  co_return 0;
}

Async<std::size_t> messages(Process& self) {
  co_return (co_await process_info(self, self.pid()))->mailbox_length;
}
Async<> until_dead(Process& self, Pid pid) {
  const Ref ref = self.monitor(pid);
  co_await self.receive(when([ref](const Down& down) { return down.ref == ref; }, [](Down) {}));
}

TEST_F(TaskTest, a_task_computes_elsewhere_and_hands_over_its_result) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sum = Task::async(self, [](int a, int b) { return a + b; }, 2, 3);
    const auto text = Task::async(
        self, [](Process& p, std::string s) { return s + (p.pid() ? "!" : "?"); },
        std::string{"hello"});
    EXPECT_EQ(co_await Task::await(self, text), "hello!");
    EXPECT_EQ(co_await Task::await(self, sum), 5);
    const auto nothing = Task::async(self, [] {});
    co_await Task::await(self, nothing);
    const auto with = Task::async(self, owned([n = std::make_unique<int>(4)] { return *n; }));
    EXPECT_EQ(co_await Task::await(self, with), 4);
    EXPECT_EQ(co_await messages(self), 0u);
  });
}

TEST_F(TaskTest, results_are_awaited_in_any_order) {
  on_every_executor([](Process& self) -> Async<> {
    const auto slow = Task::async(self, sleeps, Duration{20ms}, 1);
    const auto fast = Task::async(self, [] { return 2; });
    EXPECT_EQ(co_await Task::await(self, slow), 1);
    EXPECT_EQ(co_await Task::await(self, fast), 2);
    std::vector<TaskRef<int>> many;
    for (int ms : {20, 0, 10}) {
      many.push_back(Task::async(self, sleeps, Duration{std::chrono::milliseconds{ms}}, ms));
    }
    EXPECT_EQ(co_await Task::await_many(self, many), (std::vector{20, 0, 10}));
    EXPECT_TRUE((co_await Task::await_many(self, std::vector<TaskRef<int>>{})).empty());
    EXPECT_EQ(co_await messages(self), 0u);
  });
}

TEST_F(TaskTest, an_await_that_times_out_leaves_the_task_alone_and_drops_its_result) {
  on_every_executor([](Process& self) -> Async<> {
    const auto task = Task::async(self, waits_for_go);
    Term reason;
    try {
      (void)co_await Task::await(self, task, 5ms);
    } catch (const TaskException& exception) {
      reason = exception.reason().term();
    }
    EXPECT_EQ(reason, tuple({atoms::timeout,
                             tuple({atom("Task"), atom("await"), list({Term{task.pid}})})}));
    send(task.pid, Atom{"go"});
    co_await until_dead(self, task.pid);
    EXPECT_EQ(co_await messages(self), 0u);
  });
}

Async<> crashes_with_its_task(Process& self) {
  const auto task = Task::async(self, [](Process& p) { p.exit("boom"); });
  co_await Task::await(self, task);
}

TEST_F(TaskTest, a_crashing_task_takes_its_caller_down) {
  on_every_executor([](Process& self) -> Async<> {
    spawn_monitor(crashes_with_its_task);
    EXPECT_EQ((co_await self.receive<Down>()).reason.term(), atom("boom"));
  });
}

TEST_F(TaskTest, with_a_trapping_caller_await_throws_the_reason) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    for (const char* reason : {"left", "normal"}) {
      const auto task = Task::async(
          self, [](Process& p, std::string why) { p.exit(ExitReason{why}); }, std::string{reason});
      ExitReason why;
      try {
        co_await Task::await(self, task);
      } catch (const TaskException& exception) {
        why = exception.why();
      }
      EXPECT_EQ(why, ExitReason{reason});
      EXPECT_EQ((co_await self.receive<Exit>()).reason, ExitReason{reason});
    }
    const auto task = Task::async(self, []() -> int { throw ErrorException{Atom{"boom"}}; });
    const auto outcome = co_await Task::yield(self, task);
    EXPECT_EQ(outcome->error().term()[0], atom("boom"));
  });
}

TEST_F(TaskTest, yield_waits_without_giving_up) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto task = Task::async(self, waits_for_go);
    EXPECT_FALSE(co_await Task::yield(self, task, 2ms));
    send(task.pid, Atom{"go"});
    EXPECT_EQ(**(co_await Task::yield(self, task)), 1);
    EXPECT_FALSE(co_await Task::yield(self, task, 2ms));
    const auto dead = Task::async(self, [](Process& p) { p.exit("crash"); });
    EXPECT_EQ((co_await Task::yield(self, dead))->error(), ExitReason{"crash"});
  });
}

TEST_F(TaskTest, yield_many_covers_all_with_one_timeout) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    std::vector<TaskRef<int>> tasks{
        Task::async(self, [] { return 1; }), Task::async(self, never),
        Task::async(self, [](Process& p) -> int { p.exit("c_failed"); }),
        Task::async(self, sleeps, Duration{2ms}, 4)};
    // On a busy machine they may take longer than any time that a test can wait for the one that
    // never ends; what is there already is given all the same.
    for (const std::size_t ends : {0, 2, 3}) co_await until_dead(self, tasks[ends].pid);
    const auto outcomes = co_await Task::yield_many(self, tasks, 100ms);
    EXPECT_EQ(**outcomes[0], 1);
    EXPECT_FALSE(outcomes[1]);
    EXPECT_EQ(outcomes[2]->error(), ExitReason{"c_failed"});
    EXPECT_EQ(**outcomes[3], 4);
    EXPECT_FALSE(co_await Task::shutdown(self, tasks[1], brutal_kill));
  });
}

TEST_F(TaskTest, await_many_fails_at_the_first_failure_of_any) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    std::vector<TaskRef<int>> tasks{Task::async(self, never),
                                    Task::async(self, [](Process& p) -> int { p.exit("bad"); })};
    ExitReason why;
    try {
      (void)co_await Task::await_many(self, tasks, infinity);
    } catch (const TaskException& exception) {
      why = exception.why();
    }
    EXPECT_EQ(why, ExitReason{"bad"});
  });
}

Async<int> ignores_shutdown(Process& self, Pid tell) {
  self.trap_exits();
  send(tell, Atom{"trapping"});
  co_await self.sleep(1h);
  co_return 0;
}

TEST_F(TaskTest, shutdown_ends_a_task_and_keeps_a_result_that_was_sent) {
  on_every_executor([](Process& self) -> Async<> {
    const auto running = Task::async(self, never);
    EXPECT_FALSE(co_await Task::shutdown(self, running));
    EXPECT_FALSE(co_await is_alive(self, running.pid));
    const auto done = Task::async(self, [] { return 5; });
    co_await until_dead(self, done.pid);
    EXPECT_EQ(**(co_await Task::shutdown(self, done)), 5);
    const auto brutal = Task::async(self, never);
    EXPECT_FALSE(co_await Task::shutdown(self, brutal, brutal_kill));
    const auto stubborn = Task::async(self, ignores_shutdown, self.pid());
    co_await self.receive<Atom>();
    EXPECT_EQ((co_await Task::shutdown(self, stubborn, 5ms))->error(), ExitReason{atoms::killed});
    EXPECT_EQ(co_await messages(self), 0u);
  });
}

TEST_F(TaskTest, waiting_a_while_and_then_shutting_down_loses_nothing) {
  on_every_executor([](Process& self) -> Async<> {
    const auto run = [&](TaskRef<int> task, Duration time) -> Async<std::optional<int>> {
      auto outcome = co_await Task::yield(self, task, time);
      if (!outcome) outcome = co_await Task::shutdown(self, task);
      co_return outcome ? std::optional{**outcome} : std::nullopt;
    };
    EXPECT_EQ(co_await run(Task::async(self, [] { return 3; }), 5s), 3);
    EXPECT_FALSE(co_await run(Task::async(self, never), 2ms));
    EXPECT_EQ(co_await messages(self), 0u);
  });
}

TEST_F(TaskTest, only_the_owner_may_await) {
  on_every_executor([](Process& self) -> Async<> {
    const auto task = Task::async(self, waits_for_go);
    const auto other = Task::async(
        self,
        [](Process& p, TaskRef<int> mine) -> Async<int> {
          int refused = 0;
          try {
            (void)co_await Task::await(p, mine);
          } catch (const ErrorException&) {
            ++refused;
          }
          try {
            (void)co_await Task::yield(p, mine);
          } catch (const ErrorException&) {
            ++refused;
          }
          try {
            (void)co_await Task::shutdown(p, mine);
          } catch (const ErrorException&) {
            ++refused;
          }
          co_return refused;
        },
        task);
    EXPECT_EQ(co_await Task::await(self, other), 3);
    send(task.pid, Atom{"go"});
    EXPECT_EQ(co_await Task::await(self, task), 1);
  });
}

TEST_F(TaskTest, a_completed_task_needs_no_process_and_an_ignored_one_runs_on) {
  on_every_executor([](Process& self) -> Async<> {
    const auto value = Task::completed(self, 42);
    EXPECT_FALSE(value.pid);
    EXPECT_EQ(co_await Task::await(self, value), 42);
    EXPECT_EQ(**(co_await Task::yield(self, value)), 42);
    const auto task = Task::async(self, [](Process& p) -> Async<int> {
      co_await p.receive<Atom>();
      p.exit("crash_after_ignore");
    });
    Task::ignore(self, task);
    self.monitor(task.pid);
    send(task.pid, Atom{"go"});
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"crash_after_ignore"});
    EXPECT_EQ(co_await messages(self), 0u);
  });
}

TEST_F(TaskTest, a_result_is_a_message_followed_by_a_down) {
  on_every_executor([](Process& self) -> Async<> {
    const auto task = Task::async(self, [] { return 7; });
    const auto result = co_await self.receive<TaskResult<int>>();
    EXPECT_EQ(result.ref, task.ref);
    EXPECT_EQ(result.value, 7);
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.ref, task.ref);
    EXPECT_TRUE(down.reason.is_normal());
  });
}

TEST_F(TaskTest, a_hundred_thousand_tasks_at_once_are_awaited_in_order) {
  test::on_two_workers([](Process& self) -> Async<> {
    constexpr int count = 100'000;
    std::vector<TaskRef<int>> tasks;
    for (int i = 0; i < count; ++i) tasks.push_back(Task::async(self, [](int n) { return n; }, i));
    const auto values = co_await Task::await_many(self, tasks, infinity);
    for (int i = 0; i < count; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
  });
}

TEST_F(TaskTest, cancellation_reaches_what_the_task_waits_for) {
  on_every_executor([](Process& self) -> Async<> {
    struct Farewell {
      Pid to;
      ~Farewell() { send(to, Atom{"cleaned_up"}); }
    };
    const auto task = Task::async(
        self,
        [](Process& p, Pid tell) -> Async<int> {
          const Farewell farewell{tell};
          const auto inner = Task::async(p, never);  // linked, so it ends with this one
          send(tell, inner.pid);
          co_return co_await Task::await(p, inner, infinity);
        },
        self.pid());
    const Pid inner = co_await self.receive<Pid>();
    EXPECT_FALSE(co_await Task::shutdown(self, task));
    EXPECT_EQ(co_await self.receive<Atom>(), Atom{"cleaned_up"});
    co_await until_dead(self, inner);
    EXPECT_EQ(co_await messages(self), 0u);
  });
}

TEST_F(TaskTest, a_task_ends_with_its_owner) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [owner, ref] = spawn_monitor(
        [](Process& p, Pid tell) -> Async<> {
          const auto task = Task::async(p, never);
          send(tell, task.pid);
          (void)co_await Task::await(p, task, infinity);
        },
        self.pid());
    const Pid task = co_await self.receive<Pid>();
    exit(owner, "cancelled");
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"cancelled"});
    co_await until_dead(self, task);
  });
}

// Tasks that end well, badly, late or never, and an owner that waits for some and ends the others.
TEST_F(TaskTest, nothing_is_left_of_a_task_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        self.trap_exits();
        std::vector<TaskRef<int>> tasks;
        for (int i = 0; i < 12; ++i) {
          tasks.push_back(Task::async(
              self,
              [](Process& p, int n, Duration time) -> Async<int> {
                co_await p.sleep(time);
                if (n % 4 == 1) p.exit("failed");
                if (n % 4 == 2) co_await p.sleep(infinity);
                co_return n;
              },
              i, std::chrono::microseconds{self.random() % 2'000}));
        }
        for (int i = 0; i < 12; ++i) {
          const TaskRef<int> task = tasks[static_cast<std::size_t>(i)];
          const Duration patience{std::chrono::microseconds{self.random() % 4'000}};
          auto outcome = co_await Task::yield(self, task, patience);
          if (!outcome) outcome = co_await Task::shutdown(self, task);
          if (!outcome) continue;
          EXPECT_EQ(outcome->has_value(), i % 4 != 1);
          if (*outcome) {
            EXPECT_EQ(**outcome, i);
          }
        }
        for (const auto& task : tasks) co_await until_dead(self, task.pid);
        // The links say how they ended to an owner that traps; nothing else is left.
        while (co_await self.receive<Exit>(0ms)) {
        }
        EXPECT_EQ(co_await messages(self), 0u);
      },
      100);
}

}  // namespace
}  // namespace troupe
