// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Tasks (208 to 222).
#include <algorithm>

#include <troupe/task_supervisor.hpp>

#include "conformance/scenario.hpp"
#include "conformance/task_support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

// The function of most tasks: wait for Go, then return this, or exit with that.
Async<Term> value_on_go(Process& self, Term value) {
  co_await self.receive<Go>();
  co_return value;
}
Term exits(Process& self, Term reason) { self.exit(std::move(reason)); }
Async<Term> exits_on_go(Process& self, Term reason) {
  co_await self.receive<Go>();
  self.exit(std::move(reason));
}
Async<Term> for_ever(Process& self) {
  co_await self.receive<Never>();
  co_return Term{};
}
Async<int> sleeps(Process& self, int milliseconds) {
  co_await self.sleep(std::chrono::milliseconds{milliseconds});
  co_return milliseconds;
}
Term same(Term value) { return value; }

Async<> s208_task_async_await(Process& self) {
  const auto first = Task::async(
      self, [](Process& me, Pid main) { return tuple({atom("result"), Term{me.pid() != main}}); },
      self.pid());
  p("await", co_await Task::await(self, first));
  const auto second = Task::async(self, value_on_go, Term{1});
  const ProcessInfo info = co_await info_of(self, self.pid());
  p("linked", std::ranges::find(info.links, second.pid) != info.links.end());
  send(second.pid, Go{});
  p("await", co_await Task::await(self, second));
  p("mailbox", co_await msgs(self));
  const std::vector<Pid> monitors = (co_await info_of(self, self.pid())).monitors;
  p("monitors", list(std::vector<Term>(monitors.begin(), monitors.end())));
}

Async<> s209_task_await_any_order(Process& self) {
  const auto slow = Task::async(self, [](Process& me) -> Async<Term> {
    co_await me.sleep(150ms);
    co_return atom("slow");
  });
  const auto fast = Task::async(self, same, atom("fast"));
  const Term slow_value = co_await Task::await(self, slow);
  const Term fast_value = co_await Task::await(self, fast);
  p("slow_first", tuple({slow_value, fast_value}));
  const Duration start = self.monotonic_time();
  std::vector<TaskRef<int>> tasks;
  for (const int ms : {200, 0, 100}) tasks.push_back(Task::async(self, sleeps, ms));
  const std::vector<int> all = co_await Task::await_many(self, tasks);
  p("await_many", list(std::vector<Term>(all.begin(), all.end())));
  p("concurrent", has_passed(self, start, 200ms));
  p("none",
    list(std::vector<Term>((co_await Task::await_many(self, std::vector<TaskRef<int>>{})).size())));
}

Async<> s210_task_await_timeout(Process& self) {
  const auto task = Task::async(
      self,
      [](Process& me, Pid main) -> Async<Term> {
        co_await me.receive<Go>();
        send(main, atom("task_still_worked"));
        co_return atom("late_result");
      },
      self.pid());
  p("await", co_await catch_exit([&] { return Task::await(self, task, 50ms); }));
  const Ref ref = self.monitor(task.pid);
  send(task.pid, Go{});
  p("task_ended", co_await wait(self, ref));
  p("mailbox", co_await msgs(self));
}

struct Introduce {
  Pid pid;
};

Async<> s211_task_crash_kills_caller(Process& self) {
  p("caller_of_crashing_task", co_await reason_of(self, [](Process& me) -> Async<> {
      Task::async(me, []() -> Term { throw ErrorException{atom("boom")}; });
      co_await me.receive<Never>();
    }));
  const Pid caller = spawn(
      [](Process& me, Pid main) -> Async<> {
        send(main, Introduce{Task::async(me, for_ever).pid});
        co_await exit_on_go(me, atom("caller_crashed"));
      },
      self.pid());
  const auto [task] = co_await self.receive<Introduce>();
  const Ref ref = self.monitor(task);
  send(caller, Go{});
  p("task_of_crashing_caller", co_await wait(self, ref));
}

Async<> s212_task_crash_with_trapping_caller(Process& self) {
  self.trap_exits();
  struct Case {
    const char* name;
    Term (*fail)(Process&);
  };
  const Case cases[] = {
      {"error", [](Process&) -> Term { throw ErrorException{atom("boom")}; }},
      {"exit", [](Process& me) -> Term { me.exit("left"); }},
      {"throw", [](Process&) -> Term { throw ThrownException{atom("ball")}; }},
      {"normal", [](Process& me) -> Term { me.exit(atoms::normal); }},
  };
  for (const auto& [name, fail] : cases) {
    const auto task = Task::async(self, fail);
    p(name, co_await catch_exit([&] { return Task::await(self, task); }));
    p("exit_message", co_await exit_of(self, task.pid));
  }
  p("mailbox", co_await msgs(self));
}

Async<> s213_task_yield(Process& self) {
  self.trap_exits();
  const auto task = Task::async(self, value_on_go, atom("value"));
  p("too_early", to_term(co_await Task::yield(self, task, 30ms)));
  send(task.pid, Go{});
  p("now", to_term(co_await Task::yield(self, task, 5s)));
  p("after_result", to_term(co_await Task::yield(self, task, 30ms)));
  const auto dead = Task::async(self, exits, atom("crash"));
  p("dead", to_term(co_await Task::yield(self, dead, 5s)));
  const auto normal = Task::async(self, exits, atom("normal"));
  p("normal_exit", to_term(co_await Task::yield(self, normal, 5s)));
}

Async<> s214_task_yield_many(Process& self) {
  self.trap_exits();
  const std::vector<TaskRef<Term>> tasks = {
      Task::async(self, same, atom("a")),
      Task::async(self, for_ever),
      Task::async(self, exits, atom("c_failed")),
      Task::async(self,
                  [](Process& me) -> Async<Term> {
                    co_await me.sleep(20ms);
                    co_return atom("d");
                  }),
  };
  const auto results = co_await Task::yield_many(self, tasks, 1s);
  // There are no pairs of a task and its result: the results stand where their tasks do, whichever
  // is done first. Seen with tasks that tell who they are.
  std::vector<TaskRef<Term>> named;
  for (int i = 0; i < 4; ++i) {
    named.push_back(Task::async(
        self,
        [](Process& me, int nth) -> Async<Term> {
          co_await me.sleep((4 - nth) * 10ms);
          co_return me.pid();
        },
        i));
  }
  const auto pids = co_await Task::yield_many(self, named, 5s);
  p("same_order", std::ranges::equal(pids, named, [](const auto& pid, const auto& task) {
      return pid && *pid && **pid == Term{task.pid};
    }));
  std::vector<Term> all;
  for (const auto& result : results) all.push_back(to_term(result));
  p("results", list(all));
  p("shutdown", to_term(co_await Task::shutdown(self, tasks[1], brutal_kill)));
}

Async<> s215_task_shutdown(Process& self) {
  auto task = Task::async(self, for_ever);
  Ref ref = self.monitor(task.pid);
  Term result = to_term(co_await Task::shutdown(self, task));
  p("running", tuple({result, co_await wait(self, ref)}));
  task = Task::async(self, [](Process&) -> Async<Term> { co_return atom("done"); });
  co_await down(self, task.pid);
  p("already_done", to_term(co_await Task::shutdown(self, task)));
  task = Task::async(self, for_ever);
  ref = self.monitor(task.pid);
  result = to_term(co_await Task::shutdown(self, task, brutal_kill));
  p("brutal", tuple({result, co_await wait(self, ref)}));
  task = Task::async(
      self,
      [](Process& me, Pid main) -> Async<Term> {
        me.trap_exits();
        send(main, Ready{});
        co_await me.sleep(60s);
        co_return Term{};
      },
      self.pid());
  co_await self.receive<Ready>();
  ref = self.monitor(task.pid);
  result = to_term(co_await Task::shutdown(self, task, 50ms));
  p("stubborn", tuple({result, co_await wait(self, ref)}));
  p("mailbox", co_await msgs(self));
}

Async<Term> value_or_give_up(Process& self, TaskRef<Term> task, Duration time) {
  auto result = co_await Task::yield(self, task, time);
  if (!result) result = co_await Task::shutdown(self, task);
  co_return result ? to_term(result) : atom("gave_up");
}

Async<> s216_task_yield_or_shutdown(Process& self) {
  const auto fast = Task::async(self, same, atom("quick"));
  p("fast", co_await value_or_give_up(self, fast, 5s));
  const auto slow = Task::async(self, for_ever);
  p("slow", co_await value_or_give_up(self, slow, 50ms));
  p("mailbox", co_await msgs(self));
}

Async<> s217_task_owner_only(Process& self) {
  const auto task = Task::async(self, same, Term{1});
  spawn(
      [](Process& me, Pid main, TaskRef<Term> others) -> Async<> {
        const auto refused = [](auto wait) -> Async<Term> {
          try {
            (void)co_await wait();
            co_return atom("accepted");
          } catch (const ErrorException& error) {
            co_return error.error().is_tagged(atoms::badarg) ? atom("refused") : error.error();
          }
        };
        send(main, co_await refused([&] { return Task::await(me, others); }));
        send(main, co_await refused([&] { return Task::yield(me, others); }));
        send(main, co_await refused([&] { return Task::shutdown(me, others); }));
      },
      self.pid(), task);
  for (const char* name : {"await", "yield", "shutdown"}) p(name, co_await self.receive<Term>());
  p("owner", co_await Task::await(self, task));
}

Async<> s218_task_start_and_start_link(Process& self) {
  self.trap_exits();
  const Pid alone = Task::start(self, [](Process& me) -> Async<> {
    co_await me.receive<Go>();
    throw ErrorException{atom("boom")};
  });
  const Ref ref = self.monitor(alone);
  send(alone, Go{});
  p("start", co_await wait(self, ref));
  const Pid linked = Task::start_link(self, exits, atom("bye"));
  p("start_link", co_await exit_of(self, linked));
  p("mailbox", co_await msgs(self));
}

Async<> s219_task_completed_and_ignore(Process& self) {
  const auto done = Task::completed(self, Term{42});
  p("completed", tuple({or_nil(done.pid), co_await Task::await(self, done)}));
  const auto other = Task::completed(self, atom("x"));
  p("yield_completed", to_term(co_await Task::yield(self, other)));
  const auto task = Task::async(self, exits_on_go, atom("crash_after_ignore"));
  const Term ignored = attempt([&] { Task::ignore(self, task); });
  p("ignore", ignored == Term{true} ? Term{atoms::nil} : ignored);
  const Ref ref = self.monitor(task.pid);
  send(task.pid, Go{});
  p("ended", co_await wait(self, ref));
  p("mailbox", co_await msgs(self));
}

Async<> s220_task_protocol(Process& self) {
  const auto task = Task::async(self, same, atom("value"));
  const TaskResult<Term> first = co_await self.receive<TaskResult<Term>>();
  p("first", tuple({Term{first.ref == task.ref}, first.value}));
  const Down second = co_await self.receive<Down>();
  p("second",
    tuple({Term{second.ref == task.ref}, Term{second.pid == task.pid}, second.reason.term()}));
  p("mailbox", co_await msgs(self));
}

Async<> s221_task_supervised_nolink(Process& self) {
  const auto sup = co_await TaskSupervisor::start_link(self);
  const auto sum = co_await TaskSupervisor::async_nolink(self, sup, same, Term{42});
  p("await", co_await Task::await(self, sum));
  const auto crashing = [&] {
    return TaskSupervisor::async_nolink(self, sup, exits, atom("crash"));
  };
  const auto yielded = co_await crashing();
  p("yield_crashed", to_term(co_await Task::yield(self, yielded, 5s)));
  const auto awaited = co_await crashing();
  p("await_crashed", co_await catch_exit([&] { return Task::await(self, awaited); }));
  p("just_a_message", co_await wait(self, (co_await crashing()).ref));
  const auto task = co_await TaskSupervisor::async_nolink(self, sup, for_ever);
  const std::vector<Pid> children = co_await TaskSupervisor::children(self, sup);
  p("children", tuple({Term{children == std::vector{task.pid}}}));
  p("terminate_child", to_term(co_await TaskSupervisor::terminate_child(self, sup, task.pid)));
  p("yield", to_term(co_await Task::yield(self, task, 5s)));
}

Async<> run_until_told(Process& self, Pid main) {
  send(main, Introduce{self.pid()});
  auto [reason] = co_await self.receive<ExitWith>();
  self.exit(std::move(reason));
}

Async<> s222_task_supervised_children(Process& self) {
  const auto sup = co_await TaskSupervisor::start_link(self);
  const auto until_empty = [&] {
    return until(self, [&]() -> Async<bool> {
      co_return (co_await TaskSupervisor::children(self, sup)).empty();
    });
  };
  const Pid once = co_await TaskSupervisor::start_child(
      self, sup, [](Pid main) { send(main, Ready{}); }, self.pid());
  co_await self.receive<Ready>();
  p("ran");
  co_await until_empty();
  p("is_pid", Term{once}.is_pid());
  co_await TaskSupervisor::start_child(self, sup, run_until_told, self.pid());
  send((co_await self.receive<Introduce>()).pid, ExitWith{atom("boom")});
  co_await until_empty();
  p("temporary_not_restarted", co_await msgs(self));
  const Pid started =
      co_await TaskSupervisor::start_child(self, sup, transient, run_until_told, self.pid());
  send((co_await self.receive<Introduce>()).pid, ExitWith{atom("boom")});
  const Pid restarted = (co_await self.receive<Introduce>()).pid;
  p("transient_restarted", restarted != started);
  const Ref ref = self.monitor(restarted);
  p("stop", co_await ok(stop(self, sup)));
  p("task", co_await wait(self, ref));
}

constexpr Scenario scenarios[] = {
    {"208-task-async-await", s208_task_async_await},
    {"209-task-await-any-order", s209_task_await_any_order},
    {"210-task-await-timeout", s210_task_await_timeout},
    {"211-task-crash-kills-caller", s211_task_crash_kills_caller},
    {"212-task-crash-with-trapping-caller", s212_task_crash_with_trapping_caller},
    {"213-task-yield", s213_task_yield},
    {"214-task-yield-many", s214_task_yield_many},
    {"215-task-shutdown", s215_task_shutdown},
    {"216-task-yield-or-shutdown", s216_task_yield_or_shutdown},
    {"217-task-owner-only", s217_task_owner_only},
    {"218-task-start-and-start-link", s218_task_start_and_start_link},
    {"219-task-completed-and-ignore", s219_task_completed_and_ignore},
    {"220-task-protocol", s220_task_protocol},
    {"221-task-supervised-nolink", s221_task_supervised_nolink},
    {"222-task-supervised-children", s222_task_supervised_children},
};

}  // namespace

std::span<const Scenario> task_scenarios() { return scenarios; }

}  // namespace troupe::conformance
