// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "tasks/tasks.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace tasks;

TEST(Tasks, the_result_of_a_task_is_awaited) {
  test::on_every_seed([](Process& self) -> Async<> {
    auto task = Task::async(self, slow_work, Duration{1s}, std::string{"Async work completed"});
    EXPECT_EQ(co_await Task::await(self, task), "Async work completed");
  });
}

TEST(Tasks, other_work_is_done_while_one_runs_and_five_keep_their_order) {
  test::on_every_executor([](Process& self) -> Async<> {
    auto task = Task::async(self, slow_work, Duration{5ms}, std::string{"Async work completed"});
    EXPECT_TRUE(co_await is_alive(self, task.pid));  // doing other work
    EXPECT_EQ(co_await Task::await(self, task), "Async work completed");
    const Duration start = self.monotonic_time();
    const auto results = co_await five_at_once(self, 2ms);
    EXPECT_EQ(results, (std::vector<std::string>{"Task 1 done", "Task 2 done", "Task 3 done",
                                                 "Task 4 done", "Task 5 done"}));
    EXPECT_GE(self.monotonic_time() - start, Duration{10ms});
  });
}

TEST(Tasks, five_at_once_keep_their_order_and_take_as_long_as_the_longest) {
  test::on_every_seed([](Process& self) -> Async<> {
    const Duration start = self.monotonic_time();
    const auto results = co_await five_at_once(self);
    EXPECT_EQ(results, (std::vector<std::string>{"Task 1 done", "Task 2 done", "Task 3 done",
                                                 "Task 4 done", "Task 5 done"}));
    const Duration took = self.monotonic_time() - start;
    EXPECT_GE(took, Duration{500ms});
    EXPECT_LT(took, Duration{1s});  // one after the other: 1.5 s
  });
}

TEST(Tasks, an_await_gives_up_after_its_time) {
  test::on_every_seed([](Process& self) -> Async<> {
    auto task = Task::async(self, slow_work, Duration{10s}, std::string{"too late"});
    try {
      co_await Task::await(self, task, 1s);
      ADD_FAILURE() << "the task was in time";
    } catch (const TaskException& failure) {
      EXPECT_TRUE(failure.why().is(atoms::timeout));
    }
  });
}

}  // namespace
