// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What a process has besides its mailbox: typed values, suspensions, a priority, what process_info
// tells of it, and the limits of its node.
#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include <troupe/call.hpp>
#include <troupe/spawn.hpp>
#include <troupe/troupe.hpp>

#include "sim/sim_executor.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {

// Shared by processes of one thread.
struct Turns {
  std::vector<int> numbers;
};
template <>
inline constexpr bool enable_message<std::shared_ptr<Turns>> = true;

namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Ready {};
struct Go {};
struct Number {
  int value;
};

Async<ProcessInfo> info_of(Process& self, Pid pid) {
  auto info = co_await process_info(self, pid);
  co_return info ? std::move(*info) : ProcessInfo{};
}

Async<> wait_for_ever(Process& self) { (void)co_await self.receive<Ready>(); }

// --- Typed values.

struct Settings {
  int depth = 3;
};
struct Farewell {
  Pid to;
  int number;
  Farewell(Pid pid, int which) : to{pid}, number{which} {}
  Farewell(const Farewell&) = delete;
  ~Farewell() { send(to, Number{number}); }
};
struct Later {
  explicit Later(Pid pid) : last{pid, 2} {}
  Farewell last;
};

TEST(LocalTest, a_process_keeps_one_value_of_each_type) {
  on_every_executor([](Process& self) -> Async<> {
    EXPECT_EQ(self.find_local<Settings>(), nullptr);
    EXPECT_EQ(self.local<Settings>().depth, 3);
    self.local<Settings>().depth = 5;
    self.local<std::string>("text") += "s";
    co_await self.yield();
    EXPECT_EQ(self.local<Settings>().depth, 5);
    EXPECT_EQ(self.local<std::string>("other"), "texts");
    // Nobody else has them.
    spawn_monitor([](Process& other) { EXPECT_EQ(other.find_local<Settings>(), nullptr); });
    (void)co_await self.receive<Down>();
    EXPECT_TRUE(self.drop_local<Settings>());
    EXPECT_FALSE(self.drop_local<Settings>());
    EXPECT_EQ(self.local<Settings>().depth, 3);
  });
}

TEST(LocalTest, values_end_with_the_process_the_last_made_first) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [pid, ref] = spawn_monitor(
        [](Process& other, Pid to) -> Async<> {
          const Farewell frame{to, 1};
          other.local<Farewell>(to, 3);
          other.local<Later>(to);
          send(to, Ready{});
          co_await wait_for_ever(other);
        },
        self.pid());
    (void)co_await self.receive<Ready>();
    exit(pid, "kill");
    for (int expected = 1; expected <= 3; ++expected) {
      EXPECT_EQ((co_await self.receive<Number>()).value, expected);
    }
    (void)co_await self.receive<Down>();
    EXPECT_FALSE((co_await self.receive<Number>(0ms)).has_value());
  });
}

// --- Suspension.

// Says Ready whenever it is asked to Go.
Async<> obey(Process& self, Pid to) {
  while (true) {
    (void)co_await self.receive<Go>();
    send(to, Ready{});
  }
}

TEST(SuspendTest, the_end_of_a_suspender_resumes) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid victim = spawn(obey, self.pid());
    const auto [holder, ref] = spawn_monitor(
        [](Process& other, Pid held, Pid to) -> Async<> {
          EXPECT_TRUE(co_await suspend(other, held));
          EXPECT_TRUE(co_await suspend(other, held));
          send(to, Go{});
          (void)co_await other.receive<Ready>();
        },
        victim, self.pid());
    (void)co_await self.receive<Go>();
    EXPECT_EQ((co_await info_of(self, holder)).suspending, std::vector<Pid>{victim});
    EXPECT_EQ((co_await info_of(self, victim)).state, ProcessInfo::State::suspended);
    send(victim, Go{});
    EXPECT_FALSE((co_await self.receive<Ready>(2ms)).has_value());
    exit(holder, "kill");
    (void)co_await self.receive<Down>();
    (void)co_await self.receive<Ready>();
    exit(victim, "kill");
  });
}

TEST(SuspendTest, every_suspender_counts_for_itself) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid victim = spawn(obey, self.pid());
    EXPECT_TRUE(co_await suspend(self, victim));
    spawn_monitor(
        [](Process& other, Pid held) -> Async<> {
          EXPECT_THROW(resume(held), ErrorException);  // it has not suspended it
          EXPECT_TRUE(co_await suspend(other, held));
          resume(held);
        },
        victim);
    (void)co_await self.receive<Down>();
    send(victim, Go{});
    EXPECT_FALSE((co_await self.receive<Ready>(2ms)).has_value());
    resume(victim);
    (void)co_await self.receive<Ready>();
    EXPECT_THROW(resume(victim), ErrorException);
    exit(victim, "kill");
  });
}

TEST(SuspendTest, nobody_suspends_itself_and_the_dead_are_not_suspended) {
  on_every_executor([](Process& self) -> Async<> {
    bool refused = false;
    try {
      (void)co_await suspend(self, self.pid());
    } catch (const ErrorException& error) {
      refused = error.error() == Term{atoms::badarg};
    }
    EXPECT_TRUE(refused);
    const auto [pid, ref] = spawn_monitor([](Process&) {});
    (void)co_await self.receive<Down>();
    EXPECT_FALSE(co_await suspend(self, pid));
    EXPECT_THROW(resume(pid), ErrorException);
  });
}

// --- What is told of it.

int here(std::source_location where = std::source_location::current()) {
  return static_cast<int>(where.line());
}

int line_of_wait = 0;

Async<> well_known(Process& self, Pid partner, Pid to) {
  self.trap_exits();
  self.link(partner);
  self.monitor(partner);
  self.monitor("nobody_has_this");
  self.put(Atom{"key"}, 42);
  self.set_label("the well known");
  self.set_priority(Priority::high);
  (void)co_await self.receive<Down>();  // of the name
  send(to, Ready{});
  line_of_wait = here() + 1;
  co_await self.receive([](Go) {});
}

TEST(ProcessInfoTest, it_tells_all_there_is) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid partner = spawn(wait_for_ever);
    const auto [pid, ref] = spawn_monitor(well_known, partner, self.pid());
    register_name("well_known", pid);
    (void)co_await self.receive<Ready>();
    send(pid, Number{1});
    send(pid, Number{2});
    const ProcessInfo info = co_await info_of(self, pid);
    EXPECT_EQ(info.state, ProcessInfo::State::waiting);
    EXPECT_EQ(info.links, std::vector<Pid>{partner});
    EXPECT_EQ(info.monitors, std::vector<Pid>{partner});
    EXPECT_EQ(info.monitored_by, std::vector<Pid>{self.pid()});
    EXPECT_EQ(info.mailbox_length, 2U);
    EXPECT_EQ(info.mailbox_limit, 0U);
    EXPECT_TRUE(info.traps_exits);
    EXPECT_EQ(info.priority, Priority::high);
    EXPECT_EQ(info.name, Atom{"well_known"});
    EXPECT_EQ(info.label, "the well known");
    EXPECT_EQ(to_erlang(info.dictionary), "[{key,42}]");
    EXPECT_TRUE(info.waits_at.ends_with("process_state_test.cpp:" + std::to_string(line_of_wait)))
        << info.waits_at;
    EXPECT_GE(info.reductions, 2U);
    EXPECT_FALSE((co_await process_info(self, Pid{})).has_value());
    exit(pid, "kill");
    exit(partner, "kill");
  });
}

TEST(ProcessInfoTest, every_kind_of_wait_has_a_place) {
  on_every_executor([](Process& self) -> Async<> {
    const std::string file = "process_state_test.cpp:";
    const auto expect_place = [&](Pid pid, int line) -> Async<> {
      ProcessInfo info;
      do {
        co_await self.yield();
        info = co_await info_of(self, pid);
      } while (info.state != ProcessInfo::State::waiting);
      EXPECT_TRUE(info.waits_at.ends_with(file + std::to_string(line))) << info.waits_at;
      exit(pid, "kill");
    };
    const Pid asleep = spawn([](Process& other) -> Async<> { co_await other.sleep(1h); });
    co_await expect_place(asleep, here() - 1);
    const auto inner = [](Process& other) -> Async<> { co_await other.sleep(1h); };
    const int line_of_inner = here() - 1;
    const Pid below = spawn(owned([inner](Process& other) -> Async<> { co_await inner(other); }));
    co_await expect_place(below, line_of_inner);
  });
}

// --- Priorities.

Async<> note_turns(Process& self, std::shared_ptr<Turns> turns, int number, int times) {
  for (int i = 0; i < times; ++i) {
    turns->numbers.push_back(number);
    co_await self.yield();
  }
}

// On one worker, where turns are in order.
TEST(PriorityTest, higher_ones_go_first_and_low_is_not_starved_by_normal) {
  Runtime runtime{{.execution = Execution::single}};
  const auto result = runtime.try_run([](Process& self) -> Async<> {
    self.set_priority(Priority::max);
    constexpr int times = 64;
    const Priority priorities[] = {Priority::low, Priority::normal, Priority::high, Priority::max};
    const auto shared = std::make_shared<Turns>();
    for (int i = 0; i < 4; ++i) {
      spawn_with(SpawnOptions{.priority = priorities[i], .monitor = true}, note_turns, shared, i,
                 times);
    }
    for (int i = 0; i < 4; ++i) (void)co_await self.receive<Down>();
    const std::vector<int>& turns = shared->numbers;
    const auto first = [&](int number) { return std::ranges::find(turns, number); };
    const auto last = [&](int number) {
      return std::find(turns.rbegin(), turns.rend(), number).base();
    };
    EXPECT_LE(last(3), first(2));  // max, then high, then the others
    EXPECT_LE(last(2), first(1));
    EXPECT_LE(last(2), first(0));
    // Low has a turn in eight while normal ones want to run.
    const auto low_turns = std::count(turns.begin(), last(1), 0);
    EXPECT_GE(low_turns, times / 8 - 2);
    EXPECT_LE(low_turns, times / 8 + 2);
  });
  EXPECT_TRUE(result.has_value());
}

TEST(PriorityTest, a_priority_is_given_at_birth_and_changed_later) {
  on_every_executor([](Process& self) -> Async<> {
    for (Priority priority : {Priority::max, Priority::high, Priority::normal, Priority::low}) {
      const Pid pid = spawn_with(SpawnOptions{.priority = priority}, wait_for_ever).pid;
      EXPECT_EQ((co_await info_of(self, pid)).priority, priority);
      exit(pid, "kill");
    }
    EXPECT_EQ(self.set_priority(Priority::low), Priority::normal);
    EXPECT_EQ(self.set_priority(Priority::normal), Priority::low);
  });
}

// --- Limits of the node.

bool is_system_limit(const ErrorException& error) {
  return error.error() == Term{atoms::system_limit};
}

// `body` with so few processes and timers on each executor.
template <class F>
void with_limits(F body) {
  RuntimeOptions options{.workers = 2, .max_timers = 10, .max_processes = 50};
  for (Execution execution : {Execution::single, Execution::threads}) {
    options.execution = execution;
    Runtime runtime{options};
    test::expect_to_return(runtime, body);
  }
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("simulated, seed " + std::to_string(seed));
    detail::SimExecutor executor{{.seed = seed}};
    options.executor = &executor;
    Runtime runtime{options};
    test::expect_to_return(runtime, body);
  }
}

TEST(LimitTest, spawning_at_the_process_limit_fails_and_nothing_is_lost) {
  with_limits([](Process& self) -> Async<> {
    self.trap_exits();
    std::vector<Pid> others;
    bool refused = false;
    while (!refused) {
      try {
        others.push_back(spawn_link(wait_for_ever));
      } catch (const ErrorException& error) {
        refused = is_system_limit(error);
      }
    }
    EXPECT_EQ(others.size(), 49U);
    EXPECT_THROW(spawn(wait_for_ever), ErrorException);
    EXPECT_THROW(spawn_monitor(wait_for_ever), ErrorException);
    EXPECT_THROW(spawn_with(SpawnOptions{.link = true, .monitor = true}, wait_for_ever),
                 ErrorException);
    // No link or monitor points at what was not born.
    const ProcessInfo info = co_await info_of(self, self.pid());
    EXPECT_EQ(info.links.size(), 49U);
    EXPECT_TRUE(info.monitors.empty());
    // Who lives goes on living, and one place that is given back can be taken again.
    exit(others.back(), "kill");
    EXPECT_EQ((co_await self.receive<Exit>()).from, others.back());
    others.back() = spawn_link(wait_for_ever);
    for (Pid pid : others) exit(pid, "kill");
    for (std::size_t i = 0; i < others.size(); ++i) {
      EXPECT_TRUE((co_await self.receive<Exit>()).reason.is(atoms::killed));
    }
  });
}

TEST(LimitTest, setting_a_timer_at_the_limit_fails_and_waiting_does_not) {
  for (Execution execution : {Execution::single, Execution::threads}) {
    Runtime runtime{{.execution = execution, .workers = 1, .max_timers = 10}};
    const auto result = runtime.try_run([](Process& self) -> Async<> {
      std::vector<TimerRef> timers;
      for (int i = 0; i < 10; ++i) timers.push_back(send_after(self.pid(), 1h, Number{i}));
      bool refused = false;
      try {
        (void)send_after(self.pid(), 0ms, Number{10});
      } catch (const ErrorException& error) {
        refused = is_system_limit(error);
      }
      EXPECT_TRUE(refused);
      EXPECT_FALSE((co_await self.receive<Number>(1ms)).has_value());
      EXPECT_TRUE(cancel_timer(timers[3]).has_value());
      (void)send_after(self.pid(), 0ms, Number{11});
      EXPECT_EQ((co_await self.receive<Number>()).value, 11);
      (void)send_after(self.pid(), 0ms, Number{12});  // that which has fired made room
      EXPECT_EQ((co_await self.receive<Number>()).value, 12);
    });
    EXPECT_TRUE(result.has_value());
  }
}

TEST(SpawnTest, link_and_monitor_are_there_before_the_first_step) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    for (int i = 0; i < 20; ++i) {
      const auto [pid, ref] = spawn_with(SpawnOptions{.link = true, .monitor = true},
                                         [](Process& other) { other.exit("at_once"); });
      EXPECT_TRUE((co_await self.receive<Exit>()).reason.is(Atom{"at_once"}));
      const Down down = co_await self.receive<Down>();
      EXPECT_EQ(down.ref, ref);
      EXPECT_TRUE(down.reason.is(Atom{"at_once"}));
    }
  });
}

}  // namespace
}  // namespace troupe
