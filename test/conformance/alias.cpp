// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Process aliases (076 to 080).
#include "conformance/scenario.hpp"
#include "conformance/support.hpp"

namespace troupe::conformance {

namespace {

Async<> s076_monitor_alias_basic(Process& self) {
  const Alias alias = self.alias();
  send(alias, atom("one"));
  p("delivered", co_await msgs(self));
  p("unalias", self.unalias(alias));
  const Term two = atom("two");
  p("send_result", unless_raised("raised", [&] {
      send(alias, two);
      return two;
    }));
  send(self.pid(), atom("three"));
  p("after_unalias", co_await msgs(self));
  p("unalias_again", self.unalias(alias));
}

struct SenderDone {};

Async<> s077_monitor_alias_reply_is_one_shot(Process& self) {
  const Alias alias = self.alias(AliasMode::reply);
  spawn(
      [](Process&, Pid to, Alias reply_to) {
        for (int i = 1; i <= 3; ++i) send(reply_to, tuple({atoms::reply, i}));
        send(to, SenderDone{});
      },
      self.pid(), alias);
  co_await self.receive<SenderDone>();
  p("delivered", co_await msgs(self));
  p("still_active", self.unalias(alias));
}

// Waits for the Down of this monitor.
Async<> print_down(Process& self, Ref monitor) {
  p("down", co_await self.receive(when([monitor](const Down& m) { return m.ref == monitor; },
                                       [](Down m) { return norm(m.reason); })));
}

Async<> s078_monitor_alias_of_monitor(Process& self) {
  const Pid target = spawn(exit_on_go, atom("done"));
  const Ref first = self.monitor(target, {.alias = AliasMode::demonitor});
  send(self.alias_of(first), atom("before"));
  p("case1", co_await self.receive<Term>());
  self.demonitor(first);
  send(self.alias_of(first), atom("after_demonitor"));
  p("case1_after_demonitor", co_await msgs(self));
  const Ref second = self.monitor(target, {.alias = AliasMode::demonitor});
  send(self.alias_of(second), atom("before"));
  p("case2", co_await self.receive<Term>());
  send(target, Go{});
  co_await print_down(self, second);
  send(self.alias_of(second), atom("after_down"));
  p("case2_after_down", co_await msgs(self));
}

Async<> s079_monitor_alias_explicit(Process& self) {
  const Pid target = spawn(exit_on_go, atom("done"));
  const Ref ref = self.monitor(target, {.alias = AliasMode::explicit_unalias});
  const Alias alias = self.alias_of(ref);
  send(target, Go{});
  co_await print_down(self, ref);
  send(alias, atom("after_down"));
  p("delivered", co_await msgs(self));
  p("demonitor", self.demonitor(ref));
  send(alias, atom("after_demonitor"));
  p("delivered_2", co_await msgs(self));
  p("unalias", self.unalias(alias));
  send(alias, atom("after_unalias"));
  p("delivered_3", co_await msgs(self));
}

Async<> s080_monitor_alias_of_dead_process(Process& self) {
  const auto [pid, ref] = spawn_monitor(
      [](Process& me, Pid to) -> Async<> {
        send(to, me.alias());
        co_await me.receive<Stop>();
      },
      self.pid());
  const Alias alias = co_await self.receive<Alias>();
  p("unalias_by_stranger", self.unalias(alias));
  send(alias, Stop{});
  p("owner", co_await wait(self, ref));
  const Term hello = atom("hello");
  p("send_to_dead_alias", unless_raised("raised", [&] {
      send(alias, hello);
      return hello;
    }));
  p("mailbox", co_await msgs(self));
}

constexpr Scenario scenarios[] = {
    {"076-monitor-alias-basic", s076_monitor_alias_basic},
    {"077-monitor-alias-reply-is-one-shot", s077_monitor_alias_reply_is_one_shot},
    {"078-monitor-alias-of-monitor", s078_monitor_alias_of_monitor},
    {"079-monitor-alias-explicit", s079_monitor_alias_explicit},
    {"080-monitor-alias-of-dead-process", s080_monitor_alias_of_dead_process},
};

}  // namespace

std::span<const Scenario> alias_scenarios() { return scenarios; }

}  // namespace troupe::conformance
