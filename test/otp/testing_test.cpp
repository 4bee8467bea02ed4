// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The test kit: that tests pass, and above all that they fail, and say why.
#include <gtest/gtest.h>

#include <troupe/gen_server.hpp>
#include <troupe/testing.hpp>
#include <troupe/timer.hpp>

#include "support/worker.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::Line;
using test::Worker;
using testkit::Context;

class TestingTest : public testing::Test {
 protected:
  testkit::CapturedLog log_;
};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(TestingTest, a_body_that_returns_passes_on_every_executor) {
  int runs = 0;
  const auto result = testkit::everywhere([&runs](Process& self) -> Async<> {
    ++runs;
    co_await self.sleep(1ms);
  });
  EXPECT_TRUE(result) << result.text();
  EXPECT_EQ(runs, 22);
}

TEST_F(TestingTest, time_is_virtual_in_the_simulator) {
  const auto result = testkit::run_simulated([](Process& self) -> Async<> {
    const Duration before = self.monotonic_time();
    co_await self.sleep(std::chrono::hours{24});
    EXPECT_GE(self.monotonic_time() - before, std::chrono::hours{24});
  });
  EXPECT_TRUE(result) << result.text();
}

TEST_F(TestingTest, what_was_started_supervised_is_stopped_in_reverse_order) {
  std::string lines;
  const auto result = testkit::everywhere([&lines](Process& self, Context& test) -> Async<> {
    lines.clear();
    const Pid journal = self.pid();
    co_await test.start_supervised(child<Worker>("a", journal).id("a"));
    co_await test.start_supervised(child<Worker>("b", journal).id("b"));
    co_await test.start_supervised(child<Worker>("c", journal).id("c"));
    co_await test.stop_supervised("b");
    lines = co_await test::journal(self, 4);
    test.on_exit([&lines] { lines += "; first"; });
    test.on_exit([&lines] { lines += "; second"; });
  });
  EXPECT_TRUE(result) << result.text();
  EXPECT_EQ(lines, "start a; start b; start c; stop b shutdown; second; first");
}

// Writes to the log when it ends.
struct Notes : GenServer<Notes> {
  Notes(Process& self, std::string name) : name_{std::move(name)} { self.trap_exits(); }
  void terminate(ExitReason) { log::warning("{} ends", name_); }
  std::string name_;
};

TEST_F(TestingTest, the_order_of_the_end_is_the_reverse_of_the_start) {
  const auto result = testkit::run_simulated([](Process&, Context& test) -> Async<> {
    for (const char* name : {"one", "two", "three"}) {
      co_await test.start_supervised(child<Notes>(name).id(name));
    }
  });
  EXPECT_TRUE(result) << result.text();
  const std::vector<std::string> expected{"warning three ends", "warning two ends",
                                          "warning one ends"};
  EXPECT_EQ(log_.lines(), expected);
  EXPECT_EQ(log_.count("warning", "two"), 1u);
  log_.clear();
  EXPECT_TRUE(log_.lines().empty());
}

TEST_F(TestingTest, a_process_left_running_fails_the_test_by_name) {
  const auto result = testkit::run_simulated([](Process&) -> Async<> {
    spawn([](Process& self) -> Async<> {
      self.set_label("forgotten");
      (void)co_await self.receive<Atom>();
    });
    spawn([](Process& self) -> Async<> { co_await self.sleep(10ms); });  // ends by itself
    co_return;
  });
  EXPECT_FALSE(result);
  EXPECT_TRUE(contains(result.text(), "left running")) << result.text();
  EXPECT_TRUE(contains(result.text(), "forgotten")) << result.text();
  EXPECT_TRUE(contains(result.text(), "testing_test.cpp")) << result.text();
}

TEST_F(TestingTest, a_failed_expectation_names_its_line_and_what_came_instead) {
  const auto result = testkit::run_simulated([](Process& self) -> Async<> {
    send(self.pid(), Line{"no"});
    send(self.pid(), 7);
    (void)co_await testkit::expect_message<Down>(self, 10ms);
  });
  EXPECT_FALSE(result);
  for (const char* part : {"testing_test.cpp:", "Down", "10 ms", "Line, int", "seed 1"}) {
    EXPECT_TRUE(contains(result.text(), part)) << part << " in " << result.text();
  }
}

TEST_F(TestingTest, expectations_take_the_message_that_fits_and_leave_the_others) {
  const auto result = testkit::everywhere([](Process& self) -> Async<> {
    for (int i = 1; i <= 3; ++i) send(self.pid(), i);
    const auto is_two = [](const int& n) { return n == 2; };
    EXPECT_EQ(co_await testkit::expect_message<int>(self, is_two), 2);
    EXPECT_EQ(co_await testkit::expect_message<int>(self), 1);
    co_await testkit::refute_message<Line>(self, 5ms);
    EXPECT_EQ(co_await testkit::expect_message<int>(self), 3);
  });
  EXPECT_TRUE(result) << result.text();
}

TEST_F(TestingTest, an_unwanted_message_fails_the_test) {
  const auto result = testkit::run_on_one_thread([](Process& self) -> Async<> {
    send_after(self.pid(), 1ms, Line{"late"});
    co_await testkit::refute_message<Line>(self, 10s);
  });
  EXPECT_FALSE(result);
  EXPECT_TRUE(contains(result.text(), "Line")) << result.text();
}

TEST_F(TestingTest, the_end_of_a_process_is_awaited_with_its_reason) {
  const auto result = testkit::everywhere([](Process& self) -> Async<> {
    const Pid pid = spawn([](Process& p) -> Async<> {
      co_await p.sleep(2ms);
      p.exit("bored");
    });
    EXPECT_EQ(co_await testkit::expect_down(self, pid), ExitReason{"bored"});
  });
  EXPECT_TRUE(result) << result.text();
  const auto never = testkit::run_simulated([](Process& self, Context& test) -> Async<> {
    const Pid worker = co_await test.start_supervised(child<Worker>("w", self.pid()));
    (void)co_await testkit::expect_down(self, worker, 50ms);
  });
  EXPECT_TRUE(contains(never.text(), "did not end within 50 ms")) << never.text();
}

TEST_F(TestingTest, a_condition_is_waited_for_and_given_up) {
  int asked = 0;
  const auto result = testkit::run_simulated([&asked](Process& self) -> Async<> {
    co_await testkit::eventually(self, [&asked] { return ++asked == 5; });
    co_await testkit::eventually(
        self, [&self]() -> Async<bool> { co_return co_await is_alive(self, self.pid()); });
  });
  EXPECT_TRUE(result) << result.text();
  EXPECT_EQ(asked, 5);
  const auto never = testkit::run_simulated([](Process& self) -> Async<> {
    co_await testkit::eventually(self, [] { return false; }, 100ms);
  });
  EXPECT_TRUE(contains(never.text(), "did not become true")) << never.text();
}

TEST_F(TestingTest, a_child_that_does_not_start_and_one_that_is_not_there_fail_the_test) {
  const auto refused = testkit::run_simulated([](Process& self, Context& test) -> Async<> {
    co_await test.start_supervised(child<Worker>("w", self.pid()).id("twice"));
    co_await test.start_supervised(child<Worker>("w", self.pid()).id("twice"));
  });
  EXPECT_TRUE(contains(refused.text(), "twice did not start")) << refused.text();
  const auto absent = testkit::run_simulated(
      [](Process&, Context& test) -> Async<> { co_await test.stop_supervised("nobody"); });
  EXPECT_TRUE(contains(absent.text(), "no supervised child nobody")) << absent.text();
}

TEST_F(TestingTest, a_crash_of_the_body_fails_the_test_and_still_tears_down) {
  bool is_torn_down = false;
  const auto result = testkit::run_on_threads([&](Process& self, Context& test) -> Async<> {
    test.on_exit([&is_torn_down] { is_torn_down = true; });
    co_await test.start_supervised(child<Worker>("w", self.pid()));
    throw std::runtime_error{"the body broke"};
  });
  EXPECT_TRUE(contains(result.text(), "the body broke")) << result.text();
  EXPECT_TRUE(is_torn_down);
  const auto linked = testkit::run_simulated([](Process& self) -> Async<> {
    spawn_link([](Process& p) -> Async<> {
      p.exit("dragged down");
      co_return;
    });
    (void)co_await self.receive<Atom>();
  });
  EXPECT_TRUE(contains(linked.text(), "dragged down")) << linked.text();
}

// A race that only some schedules show: which of the two is first.
TEST_F(TestingTest, a_hundred_schedules_find_a_race_and_name_its_seed) {
  const auto result = testkit::everywhere(
      [](Process& self) -> Async<> {
        for (int i = 1; i <= 2; ++i) {
          spawn(
              [](Process&, Pid to, int number) -> Async<> {
                send(to, number);
                co_return;
              },
              self.pid(), i);
        }
        const int first = co_await testkit::expect_message<int>(self);
        (void)co_await testkit::expect_message<int>(self);
        if (first == 2) throw testkit::Failure{"raced"};
      },
      {.seeds = 100});
  EXPECT_FALSE(result);
  EXPECT_TRUE(contains(result.text(), "raced")) << result.text();
}

TEST_F(TestingTest, a_hundred_thousand_messages_are_expected_one_by_one) {
  const auto result = testkit::run_on_threads([](Process& self) -> Async<> {
    for (int i = 0; i < 100'000; ++i) send(self.pid(), i);
    for (int i = 0; i < 100'000; ++i) {
      EXPECT_EQ(co_await testkit::expect_message<int>(self), i);
    }
  });
  EXPECT_TRUE(result) << result.text();
}

}  // namespace
}  // namespace troupe
