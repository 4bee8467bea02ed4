// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/supervisor.hpp>

#include "otp/restart_intensity.hpp"
#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"
#include "support/worker.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::journal;
using test::on_every_executor;
using test::Worker;

class SupervisorRestart : public testing::Test {
 protected:
  test::CapturedLog log_;
};

ChildSpec worker(const char* id, Pid tell) { return child<Worker>(id, tell).named(id); }

Async<ServerRef<Supervisor>> start_abc(Process& self, SupervisorOptions options) {
  const Pid me = self.pid();
  const auto sup = co_await Supervisor::start_link(
      self, children(worker("a", me), worker("b", me), worker("c", me)), options);
  (void)co_await journal(self, 3);
  co_return sup;
}

void leave(const char* id, const char* reason) { cast(named<Worker>(id), Worker::Leave{reason}); }

TEST_F(SupervisorRestart, a_permanent_child_is_restarted_whatever_its_reason) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await start_abc(self, {.max_restarts = 10});
    for (const char* reason : {"normal", "shutdown", "boom"}) {
      leave("b", reason);
      EXPECT_EQ(co_await journal(self, 2), std::string{"stop b "} + reason + "; start b");
    }
    co_await stop(self, sup);
  });
}

TEST_F(SupervisorRestart, a_transient_child_is_restarted_only_after_an_abnormal_end) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup =
        co_await Supervisor::start_link(self, children(worker("t", self.pid()).restart(transient)));
    leave("t", "boom");
    EXPECT_EQ(co_await journal(self, 3), "start t; stop t boom; start t");
    leave("t", "shutdown");
    EXPECT_EQ(co_await journal(self, 1), "stop t shutdown");
    while ((co_await Supervisor::count_children(self, sup)).active > 0) co_await self.yield();
    EXPECT_TRUE((co_await journal(self)).empty());
    EXPECT_EQ((co_await Supervisor::count_children(self, sup)).specs, 1u);
    EXPECT_TRUE((co_await Supervisor::restart_child(self, sup, "t")).has_value());
    co_await stop(self, sup);
  });
}

TEST_F(SupervisorRestart, a_temporary_child_is_never_restarted_and_is_forgotten) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(self, {});
    for (const char* reason : {"normal", "shutdown", "boom"}) {
      (void)co_await Supervisor::start_child(self, sup, worker("t", self.pid()).restart(temporary));
      leave("t", reason);
      while ((co_await Supervisor::count_children(self, sup)).specs > 0) co_await self.yield();
      EXPECT_EQ(co_await journal(self, 2), std::string{"start t; stop t "} + reason);
    }
    co_await stop(self, sup);
  });
}

TEST_F(SupervisorRestart, one_for_one_restarts_only_the_child_that_ended) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await start_abc(self, {.strategy = one_for_one});
    leave("b", "boom");
    EXPECT_EQ(co_await journal(self, 2), "stop b boom; start b");
    co_await stop(self, sup);
    EXPECT_EQ(co_await journal(self), "stop c shutdown; stop b shutdown; stop a shutdown");
  });
}

TEST_F(SupervisorRestart, one_for_all_stops_all_in_reverse_and_starts_all_in_order) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await start_abc(self, {.strategy = one_for_all});
    leave("b", "boom");
    EXPECT_EQ(co_await journal(self, 6),
              "stop b boom; stop c shutdown; stop a shutdown; start a; start b; start c");
    co_await stop(self, sup);
  });
}

TEST_F(SupervisorRestart, rest_for_one_restarts_the_child_and_those_after_it) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await start_abc(self, {.strategy = rest_for_one});
    leave("b", "boom");
    EXPECT_EQ(co_await journal(self, 4), "stop b boom; stop c shutdown; start b; start c");
    leave("c", "boom");
    EXPECT_EQ(co_await journal(self, 2), "stop c boom; start c");
    leave("a", "boom");
    EXPECT_EQ(co_await journal(self, 6),
              "stop a boom; stop c shutdown; stop b shutdown; start a; start b; start c");
    co_await stop(self, sup);
  });
}

TEST_F(SupervisorRestart, a_group_restart_starts_what_was_stopped_and_drops_what_is_temporary) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid me = self.pid();
    const auto sup = co_await Supervisor::start_link(
        self, children(worker("a", me), worker("b", me), worker("t", me).restart(temporary)),
        {.strategy = one_for_all});
    (void)co_await journal(self, 3);
    (void)co_await Supervisor::terminate_child(self, sup, "a");
    leave("b", "boom");
    EXPECT_EQ(co_await journal(self, 5),
              "stop a shutdown; stop b boom; stop t shutdown; start a; start b");
    EXPECT_EQ((co_await Supervisor::count_children(self, sup)).specs, 2u);
    co_await stop(self, sup);
  });
}

TEST_F(SupervisorRestart, too_many_restarts_end_the_supervisor_with_its_children) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto sup = co_await start_abc(self, {.max_restarts = 2, .max_seconds = 60s});
    for (const char* id : {"a", "b"}) {
      leave(id, "boom");
      (void)co_await journal(self, 2);
    }
    leave("a", "boom");
    const Exit exit = co_await self.receive<Exit>();
    EXPECT_EQ(exit.from, sup.pid());
    EXPECT_EQ(exit.reason, ExitReason{atoms::shutdown});
    EXPECT_EQ(co_await journal(self), "stop a boom; stop c shutdown; stop b shutdown");
  });
}

TEST_F(SupervisorRestart, no_restarts_allowed_means_the_first_is_fatal) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    (void)co_await start_abc(self, {.max_restarts = 0});
    leave("c", "boom");
    EXPECT_EQ((co_await self.receive<Exit>()).reason, ExitReason{atoms::shutdown});
  });
}

TEST(RestartIntensity, counts_whole_seconds_and_both_ends_of_the_window) {
  const std::int64_t second = 1'000'000'000;
  RestartIntensity one_in_five{1, 5s};
  EXPECT_TRUE(one_in_five.allows(0));
  EXPECT_FALSE(one_in_five.allows(5 * second + 999'999'999));
  RestartIntensity again{1, 5s};
  EXPECT_TRUE(again.allows(999'999'999));
  EXPECT_TRUE(again.allows(6 * second));
  RestartIntensity many{1'000, 1s};
  for (std::int64_t i = 0; i < 1'000'000; ++i) EXPECT_TRUE(many.allows(i * 2'100'000));
}

TEST_F(SupervisorRestart, a_supervisor_that_gives_up_is_restarted_by_its_parent) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid me = self.pid();
    const Children inner = children(worker("a", me));
    const auto sup = co_await Supervisor::start_link(
        self, children(supervisor("inner", inner, {.max_restarts = 1}), worker("z", me)));
    (void)co_await journal(self, 2);
    leave("a", "one");
    EXPECT_EQ(co_await journal(self, 2), "stop a one; start a");
    leave("a", "two");
    EXPECT_EQ(co_await journal(self, 2), "stop a two; start a");
    leave("a", "three");
    EXPECT_EQ(co_await journal(self, 2), "stop a three; start a");
    co_await stop(self, sup);
  });
}

// Answers each take with a number of tries so far.
struct Tries : GenServer<Tries> {
  struct Take {
    using Reply = int;
  };
  int handle_call(Take) { return taken++; }
  int taken = 0;
};

Async<ChildStartResult> flaky(Process& self, Pid tell, int first_bad, int last_bad) {
  const int n = co_await call(self, named<Tries>("tries"), Tries::Take{});
  if (n >= first_bad && n <= last_bad) {
    send(tell, test::Line{"failed try " + std::to_string(n)});
    co_return std::unexpected(ExitReason{"still_broken"});
  }
  const auto started = co_await Worker::start_link(self, {.name = "f"}, "f", tell);
  co_return ChildStarted{started.pid()};
}

TEST_F(SupervisorRestart, a_restart_that_fails_is_tried_again_until_the_limit) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto tries = co_await Tries::start(self, {.name = "tries"});
    (void)co_await Supervisor::start_link(self, children(child("f", flaky, self.pid(), 1, 1'000)),
                                          {.max_restarts = 3, .max_seconds = 60s});
    (void)co_await journal(self, 1);
    leave("f", "boom");
    EXPECT_EQ((co_await self.receive<Exit>()).reason, ExitReason{atoms::shutdown});
    EXPECT_EQ(co_await journal(self), "stop f boom; failed try 1; failed try 2; failed try 3");
    co_await stop(self, tries);
  });
}

TEST_F(SupervisorRestart, a_failing_restart_may_work_on_a_later_try) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid me = self.pid();
    const struct {
      Strategy strategy;
      int lines;
      const char* expected;
    } cases[] = {
        {one_for_one, 4, "stop f boom; failed try 1; failed try 2; start f"},
        {rest_for_one, 6,
         "stop f boom; stop b shutdown; failed try 1; failed try 2; start f; start b"},
        {one_for_all, 12,
         "stop f boom; stop b shutdown; stop a shutdown; start a; failed try 1; "
         "stop a shutdown; start a; failed try 2; stop a shutdown; start a; start f; start b"},
    };
    for (const auto& [strategy, lines, expected] : cases) {
      const auto tries = co_await Tries::start(self, {.name = "tries"});
      const auto sup = co_await Supervisor::start_link(
          self, children(worker("a", me), child("f", flaky, me, 1, 2), worker("b", me)),
          {.strategy = strategy, .max_restarts = 3, .max_seconds = 60s});
      (void)co_await journal(self, 3);
      leave("f", "boom");
      EXPECT_EQ(co_await journal(self, lines), expected);
      EXPECT_EQ((co_await Supervisor::count_children(self, sup)).active, 3u);
      co_await stop(self, sup);
      (void)co_await journal(self);
      co_await stop(self, tries);
    }
  });
}

TEST_F(SupervisorRestart, between_failing_tries_the_supervisor_answers_requests) {
  on_every_executor([](Process& self) -> Async<> {
    const auto tries = co_await Tries::start(self, {.name = "tries"});
    const auto sup = co_await Supervisor::start_link(
        self, children(child("f", flaky, self.pid(), 1, 1'000'000'000)),
        {.max_restarts = 1'000'000'000});
    const auto state = [&]() -> Async<ChildInfo> {
      co_return (co_await Supervisor::which_children(self, sup)).at(0);
    };
    leave("f", "boom");
    while (!(co_await state()).restarting) co_await self.yield();
    EXPECT_EQ((co_await Supervisor::count_children(self, sup)).active, 0u);
    EXPECT_EQ((co_await Supervisor::restart_child(self, sup, "f")).error().code,
              ChildError::Code::restarting);
    EXPECT_EQ((co_await Supervisor::delete_child(self, sup, "f")).error().code,
              ChildError::Code::restarting);
    EXPECT_TRUE((co_await Supervisor::terminate_child(self, sup, "f")).has_value());
    EXPECT_FALSE((co_await state()).restarting);
    const int before = co_await call(self, tries, Tries::Take{});
    EXPECT_FALSE((co_await state()).pid);
    EXPECT_EQ(co_await call(self, tries, Tries::Take{}), before + 1);
    co_await stop(self, sup);
    co_await stop(self, tries);
  });
}

TEST_F(SupervisorRestart, any_significant_end_stops_all) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const Pid me = self.pid();
    const auto sup = co_await Supervisor::start_link(
        self,
        children(worker("a", me), worker("s1", me).restart(transient).significant(),
                 worker("s2", me).restart(transient).significant(),
                 worker("t", me).restart(temporary)),
        {.auto_shutdown = AutoShutdown::any_significant});
    (void)co_await journal(self, 4);
    leave("t", "normal");
    while ((co_await Supervisor::count_children(self, sup)).active != 3) co_await self.yield();
    leave("s1", "normal");
    EXPECT_EQ((co_await self.receive<Exit>()).reason, ExitReason{atoms::shutdown});
    EXPECT_EQ(co_await journal(self),
              "stop t normal; stop s1 normal; stop s2 shutdown; stop a shutdown");
  });
}

TEST_F(SupervisorRestart, all_significant_children_must_have_ended) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const Pid me = self.pid();
    const auto sup = co_await Supervisor::start_link(
        self,
        children(worker("a", me), worker("s1", me).restart(transient).significant(),
                 worker("s2", me).restart(temporary).significant()),
        {.auto_shutdown = AutoShutdown::all_significant});
    leave("s1", "shutdown");
    while ((co_await Supervisor::count_children(self, sup)).active != 2) co_await self.yield();
    leave("s2", "crashed_but_temporary");
    EXPECT_EQ((co_await self.receive<Exit>()).reason, ExitReason{atoms::shutdown});
  });
}

TEST_F(SupervisorRestart, a_restarted_child_is_reachable_under_its_old_name) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await start_abc(self, {.max_restarts = 1'000});
    const auto b = named<Worker>("b");
    for (int i = 0; i < 100; ++i) {
      leave("b", "boom");
      EXPECT_EQ(co_await journal(self, 2), "stop b boom; start b");
      while (!b.pid()) co_await self.yield();
      EXPECT_EQ(co_await call(self, b, Worker::Hello{}), "b");
    }
    co_await stop(self, sup);
  });
}

TEST_F(SupervisorRestart, everything_runs_again_after_crashes_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        constexpr Strategy strategies[] = {one_for_one, one_for_all, rest_for_one};
        const Strategy strategy = strategies[self.random() % 3];
        const auto sup = co_await Supervisor::start_link(
            self,
            children(worker("a", self.pid()), worker("b", self.pid()), worker("c", self.pid())),
            {.strategy = strategy, .max_restarts = 100});
        for (int i = 0; i < 20; ++i) {
          const char* ids[] = {"a", "b", "c"};
          if (const Pid victim = whereis(ids[self.random() % 3])) exit(victim, atoms::kill);
          co_await self.sleep(std::chrono::microseconds{self.random() % 100});
        }
        for (const char* id : {"a", "b", "c"}) {
          while (!co_await try_call(self, named<Worker>(id), Worker::Hello{})) {
            co_await self.yield();
          }
        }
        EXPECT_EQ((co_await Supervisor::count_children(self, sup)).active, 3u);
        co_await stop(self, sup);
        for (const char* id : {"a", "b", "c"}) EXPECT_FALSE(whereis(id));
      },
      100);
}

}  // namespace
}  // namespace troupe
