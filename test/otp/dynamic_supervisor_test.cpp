// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>

#include <troupe/dynamic_supervisor.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"
#include "support/worker.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::journal;
using test::on_every_executor;
using test::Worker;

class DynamicSupervisorTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

ChildSpec worker(const char* id, Pid tell) { return child<Worker>(id, tell).named(id); }

void leave(const char* id, const char* reason) { cast(named<Worker>(id), Worker::Leave{reason}); }

TEST_F(DynamicSupervisorTest, children_are_started_and_terminated_on_demand) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await DynamicSupervisor::start_link(self);
    EXPECT_TRUE((co_await DynamicSupervisor::which_children(self, sup)).empty());
    const auto a = co_await DynamicSupervisor::start_child(self, sup, worker("a", self.pid()));
    const auto b = co_await DynamicSupervisor::start_child(self, sup, worker("b", self.pid()));
    EXPECT_EQ(a->pid, whereis("a"));
    const auto all = co_await DynamicSupervisor::which_children(self, sup);
    EXPECT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].id, Term{atoms::undefined});
    EXPECT_TRUE((co_await DynamicSupervisor::terminate_child(self, sup, a->pid)).has_value());
    EXPECT_EQ((co_await DynamicSupervisor::terminate_child(self, sup, a->pid)).error().code,
              ChildError::Code::not_found);
    const ChildCounts counts = co_await DynamicSupervisor::count_children(self, sup);
    EXPECT_EQ(counts.specs, 1u);
    EXPECT_EQ(counts.active, 1u);
    EXPECT_EQ(counts.workers, 1u);
    co_await stop(self, sup);
    EXPECT_EQ(co_await journal(self), "start a; start b; stop a shutdown; stop b shutdown");
    EXPECT_FALSE(co_await is_alive(self, b->pid));
  });
}

struct Extended : GenServer<Extended> {
  struct Which {
    using Reply = std::string;
  };
  Extended(std::string common, int own) : made_of_{common + " " + std::to_string(own)} {}
  std::string handle_call(Which) const { return made_of_; }

 private:
  std::string made_of_;
};

TEST_F(DynamicSupervisorTest, extra_arguments_come_first_where_they_have_the_types_asked_for) {
  on_every_executor([](Process& self) -> Async<> {
    const auto child = [](int own) { return child_with_extra<Extended, std::string>(own); };
    const auto with = co_await DynamicSupervisor::start_link(
        self, {.name = "with", .extra_arguments = {"common"}});
    for (const int own : {1, 2}) {
      const auto started = co_await DynamicSupervisor::start_child(self, with, child(own));
      EXPECT_EQ(co_await call(self, ServerRef<Extended>{started.value().pid}, Extended::Which{}),
                "common " + std::to_string(own));
    }
    const auto others =
        co_await DynamicSupervisor::start_link(self, {.name = "others", .extra_arguments = {1, 2}});
    const auto without = co_await DynamicSupervisor::start_link(self);
    for (const auto& supervisor : {others, without}) {
      const auto started = co_await DynamicSupervisor::start_child(self, supervisor, child(1));
      EXPECT_FALSE(started.has_value());
      EXPECT_EQ(started.error().reason.term(),
                tuple({atoms::badarg, Term{Atom{"extra_arguments"}}}));
    }
    for (const auto& supervisor : {with, others, without}) co_await stop(self, supervisor);
  });
}

TEST_F(DynamicSupervisorTest, max_children_limits_their_number) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await DynamicSupervisor::start_link(self, {.max_children = 2});
    const auto start = [&](const char* id) -> Async<bool> {
      const auto result = co_await DynamicSupervisor::start_child(
          self, sup, worker(id, self.pid()).restart(temporary));
      if (!result) {
        EXPECT_EQ(result.error().code, ChildError::Code::max_children);
      }
      co_return result.has_value();
    };
    EXPECT_TRUE(co_await start("a"));
    EXPECT_TRUE(co_await start("b"));
    EXPECT_FALSE(co_await start("c"));
    (void)co_await DynamicSupervisor::terminate_child(self, sup, whereis("a"));
    EXPECT_TRUE(co_await start("d"));
    EXPECT_FALSE(co_await start("e"));
    leave("b", "normal");
    while ((co_await DynamicSupervisor::count_children(self, sup)).specs != 1) {
      co_await self.yield();
    }
    EXPECT_TRUE(co_await start("f"));
    co_await stop(self, sup);
  });
}

TEST_F(DynamicSupervisorTest, restart_types_decide_and_who_ends_for_good_is_forgotten) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await DynamicSupervisor::start_link(self, {.max_restarts = 100});
    const struct {
      Restart restart;
      const char* reason;
      bool again;
    } cases[] = {{permanent, "normal", true},  {permanent, "boom", true},
                 {transient, "normal", false}, {transient, "boom", true},
                 {temporary, "normal", false}, {temporary, "boom", false}};
    for (const auto& [restart, reason, again] : cases) {
      (void)co_await DynamicSupervisor::start_child(self, sup,
                                                    worker("w", self.pid()).restart(restart));
      leave("w", reason);
      (void)co_await journal(self, again ? 3 : 2);
      if (again) {
        while ((co_await DynamicSupervisor::count_children(self, sup)).active != 1) {
          co_await self.yield();
        }
        const auto left = co_await DynamicSupervisor::which_children(self, sup);
        EXPECT_EQ(left.at(0).pid, whereis("w"));
        (void)co_await DynamicSupervisor::terminate_child(self, sup, whereis("w"));
        (void)co_await journal(self, 1);
      }
      while ((co_await DynamicSupervisor::count_children(self, sup)).specs > 0) {
        co_await self.yield();
      }
      EXPECT_FALSE(whereis("w"));
    }
    co_await stop(self, sup);
  });
}

Async<ChildStartResult> ignores(Process&) { co_return ChildStarted{}; }
Async<ChildStartResult> refuses(Process&) { co_return std::unexpected(ExitReason{"no"}); }
Async<ChildStartResult> crashes(Process&) {
  throw ErrorException{Atom{"boom"}};
  co_return ChildStarted{};
}

TEST_F(DynamicSupervisorTest, starts_that_fail_or_are_ignored_are_not_kept) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await DynamicSupervisor::start_link(self);
    const auto start = [&](ChildSpec spec) {
      return DynamicSupervisor::start_child(self, sup, std::move(spec));
    };
    EXPECT_FALSE((co_await start(child("f", ignores)))->pid);
    EXPECT_EQ((co_await start(child("f", refuses))).error().term(), atom("no"));
    EXPECT_EQ((co_await start(child("f", crashes))).error().term()[0], atom("boom"));
    EXPECT_EQ((co_await DynamicSupervisor::count_children(self, sup)).specs, 0u);
    co_await stop(self, sup);
  });
}

TEST_F(DynamicSupervisorTest, too_many_restarts_end_it_with_its_children) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const auto sup = co_await DynamicSupervisor::start_link(self);
    for (const char* id : {"a", "b"}) {
      (void)co_await DynamicSupervisor::start_child(self, sup, worker(id, self.pid()));
    }
    (void)co_await journal(self, 2);
    for (const char* id : {"a", "b", "a"}) {
      while (!whereis(id)) co_await self.yield();
      leave(id, "boom");
      (void)co_await journal(self, 2);
    }
    leave("b", "the_fourth");
    EXPECT_EQ((co_await self.receive<Exit>()).reason, ExitReason{atoms::shutdown});
    EXPECT_EQ(co_await journal(self), "stop b the_fourth; stop a shutdown");
  });
}

struct Tries : GenServer<Tries> {
  struct Take {
    using Reply = int;
  };
  int handle_call(Take) { return taken++; }
  int taken = 0;
};

Async<ChildStartResult> flaky(Process& self, Pid tell, int last_bad) {
  const int n = co_await call(self, named<Tries>("tries"), Tries::Take{});
  if (n > 0 && n <= last_bad) co_return std::unexpected(ExitReason{"still_broken"});
  co_return ChildStarted{(co_await Worker::start_link(self, {.name = "f"}, "f", tell)).pid()};
}

TEST_F(DynamicSupervisorTest, a_failing_restart_is_tried_again_while_requests_are_answered) {
  on_every_executor([](Process& self) -> Async<> {
    const auto tries = co_await Tries::start(self, {.name = "tries"});
    const auto sup = co_await DynamicSupervisor::start_link(self, {.max_restarts = 1'000'000'000});
    const auto started =
        co_await DynamicSupervisor::start_child(self, sup, child("f", flaky, self.pid(), 200));
    leave("f", "boom");
    EXPECT_EQ(co_await journal(self, 3), "start f; stop f boom; start f");
    leave("f", "boom");
    (void)co_await journal(self, 2);
    co_await stop(self, tries);
    const auto forever = co_await Tries::start(self, {.name = "tries"});
    const auto other =
        co_await DynamicSupervisor::start_child(self, sup, child("g", flaky, self.pid(), 1 << 30));
    EXPECT_FALSE(other.has_value());
    co_await stop(self, sup);
    co_await stop(self, forever);
    (void)started;
  });
}

TEST_F(DynamicSupervisorTest, a_restarting_child_can_be_terminated) {
  on_every_executor([](Process& self) -> Async<> {
    const auto tries = co_await Tries::start(self, {.name = "tries"});
    const auto sup = co_await DynamicSupervisor::start_link(self, {.max_restarts = 1'000'000'000});
    const auto started =
        co_await DynamicSupervisor::start_child(self, sup, child("f", flaky, self.pid(), 1 << 30));
    exit(started->pid, atoms::kill);
    std::vector<ChildInfo> all;
    do {
      all = co_await DynamicSupervisor::which_children(self, sup);
    } while (!all.at(0).restarting);
    EXPECT_FALSE(all[0].pid);
    EXPECT_EQ((co_await DynamicSupervisor::count_children(self, sup)).active, 0u);
    EXPECT_TRUE((co_await DynamicSupervisor::terminate_child(self, sup, started->pid)).has_value());
    EXPECT_EQ((co_await DynamicSupervisor::count_children(self, sup)).specs, 0u);
    co_await stop(self, sup);
    co_await stop(self, tries);
  });
}

struct Stubborn : GenServer<Stubborn> {
  Stubborn(Process& self, Duration time) : time_{time} { self.trap_exits(); }
  Async<> terminate(Process& self, ExitReason) { co_await self.sleep(time_); }
  Duration time_;
};

TEST_F(DynamicSupervisorTest, at_the_end_all_children_are_told_at_once_and_the_late_are_killed) {
  on_every_executor([](Process& self) -> Async<> {
    const auto sup = co_await DynamicSupervisor::start_link(self);
    std::vector<Pid> slow;
    for (int i = 0; i < 20; ++i) {
      const auto spec = i < 10 ? child<Stubborn>(Duration{1h}).shutdown(20ms)
                               : child<Stubborn>(Duration{1ms}).shutdown(1h);
      const auto started = co_await DynamicSupervisor::start_child(self, sup, spec);
      self.monitor(started->pid);
      if (i < 10) slow.push_back(started->pid);
    }
    co_await stop(self, sup);
    for (int i = 0; i < 20; ++i) {
      const Down down = co_await self.receive<Down>();
      const bool was_slow = std::count(slow.begin(), slow.end(), down.pid) > 0;
      EXPECT_EQ(down.reason, ExitReason{was_slow ? atoms::killed : atoms::shutdown});
    }
  });
}

struct Session : GenServer<Session> {
  explicit Session(int key) : key_{key} {}
  int key_;
};

TEST_F(DynamicSupervisorTest, a_hundred_thousand_children_start_end_and_stop) {
  test::on_real_executors([](Process& self) -> Async<> {
    const auto sup = co_await DynamicSupervisor::start_link(self);
    std::vector<Pid> pids;
    for (int i = 0; i < 100'000; ++i) {
      const auto started =
          co_await DynamicSupervisor::start_child(self, sup, child<Session>(i).restart(temporary));
      pids.push_back(started->pid);
    }
    EXPECT_EQ((co_await DynamicSupervisor::count_children(self, sup)).active, 100'000u);
    for (int i = 0; i < 50'000; ++i) exit(pids[static_cast<std::size_t>(i)], "gone");
    while ((co_await DynamicSupervisor::count_children(self, sup)).active > 50'000) {
      co_await self.yield();
    }
    co_await stop(self, sup);
    EXPECT_FALSE(co_await is_alive(self, pids.back()));
  });
}

}  // namespace
}  // namespace troupe
