// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Monitors (063 to 075).
#include <algorithm>
#include <set>

#include "conformance/scenario.hpp"
#include "conformance/support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

// Waits for the Down of this monitor, whatever else is there.
Async<Down> down_of(Process& self, Ref monitor) {
  co_return co_await self.receive(
      when([monitor](const Down& m) { return m.ref == monitor; }, [](Down m) { return m; }));
}

// `end` is what the process does on Go.
Async<> print_down(Process& self, void (*end)(Process&)) {
  const Pid pid = spawn(
      [](Process& me, void (*then)(Process&)) -> Async<> {
        co_await me.receive<Go>();
        then(me);
      },
      end);
  const Ref ref = self.monitor(pid);
  send(pid, Go{});
  const Down down = co_await self.receive<Down>();
  const Term kind = to_term(down)[2];
  p("down", tuple({down.ref == ref, kind, down.pid == pid, norm(down.reason)}));
}

Async<> s063_monitor_down_shape(Process& self) {
  co_await print_down(self, end_at_once);
  co_await print_down(self, [](Process& me) { me.exit("shutdown"); });
  co_await print_down(self, [](Process& me) { me.exit("x"); });
  co_await print_down(self, [](Process&) { throw ErrorException{atom("boom")}; });
  p("mailbox", co_await msgs(self));
}

Async<> s064_monitor_dead_gives_noproc(Process& self) {
  const auto [pid, ref] = spawn_monitor(exit_with, atom("real_reason"));
  p("first", co_await wait(self, ref));
  const Ref second = self.monitor(pid);
  p("is_reference", Term{second}.is_reference());
  p("second", co_await wait(self, second));
}

Async<> s065_monitor_several_monitors(Process& self) {
  const Pid pid = spawn(exit_on_go, atom("done"));
  std::vector<Ref> refs;
  for (int i = 0; i < 3; ++i) refs.push_back(self.monitor(pid));
  p("distinct", std::set<Ref>(refs.begin(), refs.end()).size());
  self.demonitor(refs[0]);
  send(pid, Go{});
  const Term first = co_await wait(self, refs[1]);
  const Term second = co_await wait(self, refs[2]);
  p("reasons", list({first, second}));
  co_await self.sleep(50ms);
  p("mailbox", co_await msgs(self));
}

Async<> s066_monitor_one_way(Process& self) {
  const Pid target = spawn([](Process& me) -> Async<> {
    const auto [from] = co_await me.receive<Ping>();
    send(from, co_await msgs(me));
  });
  p("watcher", co_await reason_of(
                   self,
                   [](Process& me, Pid watched) {
                     me.monitor(watched);
                     me.exit("watcher_crashed");
                   },
                   target));
  send(target, Ping{self.pid()});
  p("target_alive_with_mailbox", co_await self.receive<Term>());
}

// Waits for a Down to arrive, then ends its monitor: whether that went well, and what is left.
Async<Term> end_fired_monitor(Process& self, Flush flush) {
  const auto [pid, ref] = spawn_monitor(exit_with, atom("gone"));
  co_await queued(self, self.pid(), 1);
  const Term result = attempt([&] { self.demonitor(ref, flush); });
  const Term left = co_await msgs(self);
  co_return tuple({result, left.size()});
}

Async<> s067_monitor_demonitor(Process& self) {
  const Pid pid = spawn(exit_on_go, atom("gone"));
  const Ref ref = self.monitor(pid);
  p("demonitor", attempt([&] { self.demonitor(ref); }));
  const Ref other = self.monitor(pid);
  send(pid, Go{});
  co_await wait(self, other);
  p("removed_in_time", co_await msgs(self));
  p("already_fired", co_await end_fired_monitor(self, Flush::no));
  p("already_fired_flush", co_await end_fired_monitor(self, Flush::yes));
  p("unknown_reference", attempt([&] { self.demonitor(self.make_ref()); }));
}

Async<> s068_monitor_by_name(Process& self) {
  const Atom name{"watched"};
  const Pid pid = spawn(exit_on_go, atom("bye"));
  register_name(name, pid);
  const Ref ref = self.monitor(name);
  send(pid, Go{});
  const Down down = co_await down_of(self, ref);
  p("down", tuple({down.name == name, norm(down.reason)}));
  const Down nobody = co_await down_of(self, self.monitor(name));
  p("down", tuple({nobody.name == name, norm(nobody.reason)}));
}

Async<> s069_monitor_killed(Process& self) {
  for (const char* reason : {"kill", "shutdown", "custom"}) {
    const auto [pid, ref] = spawn_monitor(wait_for_ever);
    exit(pid, reason);
    p(reason, co_await wait(self, ref));
  }
}

Async<> s070_monitor_self(Process& self) {
  const Ref ref = self.monitor(self.pid());
  p("is_reference", Term{ref}.is_reference());
  const ProcessInfo info = co_await info_of(self, self.pid());
  p("monitors_listed", list(std::vector<Term>(info.monitors.begin(), info.monitors.end())));
  co_await self.sleep(20ms);
  p("mailbox", co_await msgs(self));
  p("demonitor", attempt([&] { self.demonitor(ref); }));
}

Async<> s071_monitor_spawn_monitor_is_atomic(Process& self) {
  std::vector<Term> got;
  for (int i = 1; i <= 1'000; ++i) {
    const Term died = tuple({atom("died"), i});
    got.push_back(co_await reason_of(self, exit_with, died) == died);
  }
  p("all_real_reasons", uniq(got));
}

Async<> s072_monitor_link_and_monitor_together(Process& self) {
  self.trap_exits();
  const auto [pid, ref] = spawn_with({.link = true, .monitor = true}, exit_on_go, atom("end"));
  send(pid, Go{});
  std::vector<Term> notices;
  for (int i = 0; i < 2; ++i) {
    notices.push_back(co_await self.receive(
        when([pid](const Exit& m) { return m.from == pid; },
             [](Exit m) { return tuple({atoms::exit, m.reason.term()}); }),
        when([pid, ref](const Down& m) { return m.ref == ref && m.pid == pid; },
             [](Down m) { return tuple({atom("down"), m.reason.term()}); })));
  }
  std::ranges::sort(notices, [](const Term& a, const Term& b) { return a < b; });
  p("notices", list(notices));
  co_await self.sleep(20ms);
  p("mailbox", co_await msgs(self));
}

struct Watching {};

Async<> s073_monitor_thousand_watchers(Process& self) {
  constexpr int count = 1'000;
  const Pid target = spawn(exit_on_go, atom("finished"));
  for (int i = 0; i < count; ++i) {
    spawn(
        [](Process& me, Pid to, Pid watched) -> Async<> {
          const Ref ref = me.monitor(watched);
          send(to, Watching{});
          send(to, co_await wait(me, ref));
        },
        self.pid(), target);
  }
  for (int i = 0; i < count; ++i) co_await self.receive<Watching>();
  send(target, Go{});
  std::vector<Term> told;
  for (int i = 0; i < count; ++i) told.push_back(co_await self.receive<Term>());
  p("told", tuple({told.size(), uniq(told)}));
}

Term pid_list(const std::vector<Pid>& pids) {
  return list(std::vector<Term>(pids.begin(), pids.end()));
}

Async<> s074_monitor_bookkeeping(Process& self) {
  const Pid target = spawn(wait_for_ever);
  const Ref ref = self.monitor(target);
  p("monitors", (co_await info_of(self, self.pid())).monitors == std::vector{target});
  p("monitored_by", (co_await info_of(self, target)).monitored_by == std::vector{self.pid()});
  self.demonitor(ref);
  const Term monitors = pid_list((co_await info_of(self, self.pid())).monitors);
  const Term monitored_by = pid_list((co_await info_of(self, target)).monitored_by);
  p("after",
    tuple({tuple({atom("monitors"), monitors}), tuple({atom("monitored_by"), monitored_by})}));
}

Async<> s075_monitor_custom_tag(Process& self) {
  const Pid pid = spawn(exit_on_go, atom("over"));
  const Ref ref = self.monitor(pid, {.tag = tuple({atom("worker_down"), 7})});
  send(pid, Go{});
  const Down down = co_await self.receive<Down>();
  p("message", tuple({down.tag, down.ref == ref, down.pid == pid, norm(down.reason)}));
}

constexpr Scenario scenarios[] = {
    {"063-monitor-down-shape", s063_monitor_down_shape},
    {"064-monitor-dead-gives-noproc", s064_monitor_dead_gives_noproc},
    {"065-monitor-several-monitors", s065_monitor_several_monitors},
    {"066-monitor-one-way", s066_monitor_one_way},
    {"067-monitor-demonitor", s067_monitor_demonitor},
    {"068-monitor-by-name", s068_monitor_by_name},
    {"069-monitor-killed", s069_monitor_killed},
    {"070-monitor-self", s070_monitor_self},
    {"071-monitor-spawn-monitor-is-atomic", s071_monitor_spawn_monitor_is_atomic},
    {"072-monitor-link-and-monitor-together", s072_monitor_link_and_monitor_together},
    {"073-monitor-thousand-watchers", s073_monitor_thousand_watchers},
    {"074-monitor-bookkeeping", s074_monitor_bookkeeping},
    {"075-monitor-custom-tag", s075_monitor_custom_tag},
};

}  // namespace

std::span<const Scenario> monitor_scenarios() { return scenarios; }

}  // namespace troupe::conformance
