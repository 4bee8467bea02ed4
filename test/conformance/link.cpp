// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Links (047 to 062).
#include <algorithm>

#include "conformance/scenario.hpp"
#include "conformance/support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

Async<std::vector<Pid>> links_of(Process& self, Pid pid) {
  co_return (co_await info_of(self, pid)).links;
}

// The reasons of the Exits of this process in the mailbox, which is emptied; whatever else it held
// stands as it is.
Async<Term> exits_of(Process& self, Pid from) {
  const Term all = co_await msgs(self);
  std::vector<Term> reasons;
  for (const Term& message : all.elements()) {
    reasons.push_back(message.is_tagged(atoms::EXIT) && message[1] == Term{from} ? message[2]
                                                                                 : message);
  }
  co_return list(reasons);
}

Async<> s047_link_normal_exit_spares_partner(Process& self) {
  const Pid keeper = spawn(
      [](Process& me, Pid to) -> Async<> {
        const Pid child = spawn_link([](Process& mine) -> Async<> { co_await mine.receive<Go>(); });
        const Ref ref = me.monitor(child);
        const auto links = co_await links_of(me, me.pid());
        send(to, Fact{Atom{"linked"}, links.size()});
        send(child, Go{});
        const Term reason = co_await wait(me, ref);
        send(to, Fact{Atom{"child"}, reason});
        co_await until(
            me, [&me]() -> Async<bool> { co_return (co_await links_of(me, me.pid())).empty(); });
        const Term left = co_await msgs(me);
        send(to, Fact{Atom{"still_here"}, left});
      },
      self.pid());
  p("keeper_is_pid", Term{keeper}.is_pid());
  for (int i = 0; i < 3; ++i) {
    const auto [key, value] = co_await self.receive<Fact>();
    p(key.text(), value);
  }
}

Async<> s048_link_abnormal_exit_kills_partner(Process& self) {
  for (const Term& reason : {atom("boom"), atom("shutdown"), tuple({atoms::shutdown, atom("x")}),
                             tuple({atom("deep"), list({1})})}) {
    const auto [parent, ref] = spawn_monitor(
        [](Process& me, Term why) -> Async<> {
          spawn_link(exit_with, why);
          co_await me.receive<Never>();
        },
        reason);
    p("child_exits_with", reason);
    p("parent_dies_with", co_await wait(self, ref));
    p("parent_alive", co_await is_alive(self, parent));
  }
}

Async<> s049_link_trap_converts(Process& self) {
  self.trap_exits();
  p("exit", co_await exit_of(self, spawn_link(end_at_once)));
  p("exit", co_await exit_of(self, spawn_link(exit_with, atom("why"))));
  p("exit",
    co_await exit_of(self, spawn_link([](Process&) { throw ErrorException{atom("boom")}; })));
  p("exit", co_await exit_of(self, spawn_link(exit_with, atom("shutdown"))));
  p("mailbox", co_await msgs(self));
}

Async<> exit_when_told(Process& self) {
  auto [reason] = co_await self.receive<ExitWith>();
  self.exit(std::move(reason));
}

struct Linked {};

struct Pair {
  Monitored a;  // it made the link
  Monitored b;
};

Async<Pair> make_pair(Process& self) {
  const Monitored b = spawn_monitor(exit_when_told);
  const Monitored a = spawn_monitor(
      [](Process& me, Pid to, Pid partner) -> Async<> {
        me.link(partner);
        send(to, Linked{});
        co_await exit_when_told(me);
      },
      self.pid(), b.pid);
  co_await self.receive<Linked>();
  co_return Pair{a, b};
}

Async<> s050_link_both_directions(Process& self) {
  const Pair first = co_await make_pair(self);
  send(first.a.pid, ExitWith{atom("creator_died")});
  Term own = co_await wait(self, first.a.ref);
  Term other = co_await wait(self, first.b.ref);
  p("case1", list({own, other}));
  const Pair second = co_await make_pair(self);
  send(second.b.pid, ExitWith{atom("target_died")});
  own = co_await wait(self, second.b.ref);
  other = co_await wait(self, second.a.ref);
  p("case2", list({own, other}));
}

Async<> s051_link_to_dead_process(Process& self) {
  const auto [dead, ref] = spawn_monitor(end_at_once);
  co_await wait(self, ref);
  p("not_trapping", attempt([&] { self.link(dead); }));
  self.trap_exits();
  p("trapping", attempt([&] { self.link(dead); }));
  p("message", co_await exit_of(self, dead));
}

Async<> s052_link_double_link(Process& self) {
  self.trap_exits();
  const Pid a = spawn_link(exit_on_go, atom("bye"));
  self.link(a);
  self.link(a);
  const Ref ref_a = self.monitor(a);
  send(a, Go{});
  p("reason", co_await wait(self, ref_a));
  co_await until(self, [&self, a]() -> Async<bool> {
    const auto links = co_await links_of(self, self.pid());
    co_return std::ranges::find(links, a) == links.end();
  });
  p("messages", co_await exits_of(self, a));
  const Pid b = spawn_link(exit_on_go, atom("bye"));
  self.link(b);
  self.unlink(b);
  const Ref ref_b = self.monitor(b);
  send(b, Go{});
  p("reason_b", co_await wait(self, ref_b));
  co_await self.sleep(50ms);
  p("messages_b", co_await msgs(self));
}

Async<> s053_link_unlink_guarantee(Process& self) {
  self.trap_exits();
  std::vector<Pid> late;
  for (int i = 1; i <= 500; ++i) {
    const Pid pid = spawn_link(exit_with, atom("racing"));
    if (i % 2 == 0) co_await self.yield();
    self.unlink(pid);
    co_await self.receive(when([pid](const Exit& m) { return m.from == pid; }, [](Exit) {}),
                          after(0ms, [] {}));
    late.push_back(pid);
  }
  std::vector<Ref> refs;
  for (Pid pid : late) refs.push_back(self.monitor(pid));
  for (Ref ref : refs) co_await wait(self, ref);
  co_await self.sleep(50ms);
  p("exit_messages_after_unlink_and_flush", co_await msgs(self));
}

Async<> s054_link_unlink_keeps_queued_exit(Process& self) {
  self.trap_exits();
  const Pid pid = spawn_link(exit_with, atom("early"));
  co_await queued(self, self.pid(), 1);
  p("unlink", attempt([&] { self.unlink(pid); }));
  p("mailbox", co_await exits_of(self, pid));
}

struct Introduce {
  Pid pid;
};
struct Unlink {
  Pid partner;
};
struct Unlinked {};

Async<> s055_link_unlink_by_either_side(Process& self) {
  const Pid a = spawn(
      [](Process& me, Pid main) -> Async<> {
        const Pid child = spawn_link(
            [](Process& mine, Pid to) -> Async<> {
              const auto [partner] = co_await mine.receive<Unlink>();
              mine.unlink(partner);
              send(to, Unlinked{});
              const auto [from] = co_await mine.receive<Ping>();
              send(from, Pong{});
            },
            main);
        send(main, Introduce{child});
        co_await exit_when_told(me);
      },
      self.pid());
  const auto [b] = co_await self.receive<Introduce>();
  send(b, Unlink{a});
  co_await self.receive<Unlinked>();
  const Ref ref = self.monitor(a);
  send(a, ExitWith{atom("boom")});
  p("a_died_with", co_await wait(self, ref));
  send(b, Ping{self.pid()});
  co_await self.receive<Pong>();
  p("b", atom("alive"));
  p("unlink_of_stranger", attempt([&] { self.unlink(spawn(end_at_once)); }));
}

Async<> s056_link_to_self(Process& self) {
  p("link_self", attempt([&] { self.link(self.pid()); }));
  const auto links = co_await links_of(self, self.pid());
  p("links", std::ranges::find(links, self.pid()) != links.end());
  p("unlink_self", attempt([&] { self.unlink(self.pid()); }));
}

struct Member {
  int number;
  Pid pid;
};

Async<> chain_member(Process& self, int number, Pid main) {
  send(main, Member{number, self.pid()});
  if (number < 5) spawn_link(chain_member, number + 1, main);
  co_await exit_when_told(self);
}

Async<> s057_link_chain(Process& self) {
  spawn(chain_member, 1, self.pid());
  std::vector<Pid> pids;
  for (int n = 1; n <= 5; ++n) {
    pids.push_back(co_await self.receive(
        when([n](const Member& m) { return m.number == n; }, [](Member m) { return m.pid; })));
  }
  std::vector<Ref> refs;
  for (Pid pid : pids) refs.push_back(self.monitor(pid));
  send(pids[2], ExitWith{atom("middle_failed")});
  for (std::size_t i = 0; i < refs.size(); ++i) {
    p("member_" + std::to_string(i + 1), co_await wait(self, refs[i]));
  }
}

Async<> s058_link_trapping_link_stops_chain(Process& self) {
  const Pid a = spawn(
      [](Process& me, Pid main) -> Async<> {
        spawn_link(
            [](Process& mine, Pid to) -> Async<> {
              mine.trap_exits();
              spawn_link(exit_with, atom("c_failed"));
              const auto [from, reason] = co_await mine.receive<Exit>();
              send(to, Fact{Atom{"b_trapped"}, reason.term()});
              co_await mine.receive<Never>();
            },
            main);
        const auto [from] = co_await me.receive<Ping>();
        send(from, Pong{});
      },
      self.pid());
  const auto [key, reason] = co_await self.receive<Fact>();
  p(key.text(), reason);
  send(a, Ping{self.pid()});
  co_await self.receive<Pong>();
  p("a", atom("alive"));
}

Async<> s059_link_kill_spreads_as_killed(Process& self) {
  const Pid middle = spawn(
      [](Process& me, Pid main) -> Async<> {
        spawn_link(
            [](Process& mine, Pid to) -> Async<> {
              mine.trap_exits();
              send(to, Ready{});
              const auto [from, reason] = co_await mine.receive<Exit>();
              send(to, Fact{Atom{"trapping_link"}, reason.term()});
            },
            main);
        send(main, Introduce{spawn_link(wait_for_ever)});
        co_await me.receive<Never>();
      },
      self.pid());
  co_await self.receive<Ready>();
  const auto [plain] = co_await self.receive<Introduce>();
  const Ref target_ref = self.monitor(middle);
  const Ref plain_ref = self.monitor(plain);
  exit(middle, "kill");
  p("target", co_await wait(self, target_ref));
  p("plain_link", co_await wait(self, plain_ref));
  const auto [key, reason] = co_await self.receive<Fact>();
  p(key.text(), reason);
}

struct Pids {
  std::vector<Pid> pids;
};

Async<> s060_link_star(Process& self) {
  const Pid hub = spawn(
      [](Process& me, Pid to) -> Async<> {
        std::vector<Pid> pids;
        for (int i = 0; i < 100; ++i) pids.push_back(spawn_link(wait_for_ever));
        send(to, Pids{std::move(pids)});
        co_await exit_on_go(me, atom("hub_failed"));
      },
      self.pid());
  const auto [pids] = co_await self.receive<Pids>();
  std::vector<Ref> refs;
  for (Pid pid : pids) refs.push_back(self.monitor(pid));
  send(hub, Go{});
  p("count", refs.size());
  std::vector<Term> reasons;
  for (Ref ref : refs) reasons.push_back(co_await wait(self, ref));
  p("reasons", uniq(reasons));
}

Async<> s061_link_spawn_link_is_atomic(Process& self) {
  self.trap_exits();
  std::vector<Term> got;
  for (int i = 1; i <= 1'000; ++i) {
    const Term died = tuple({atom("died"), i});
    got.push_back(co_await exit_of(self, spawn_link(exit_with, died)) == died);
  }
  p("all_real_reasons", uniq(got));
  p("mailbox", co_await msgs(self));
}

struct Done {};

Async<> s062_link_info(Process& self) {
  const Pid a = spawn(wait_for_ever);
  const Pid b = spawn(
      [](Process& me, Pid to, Pid partner) -> Async<> {
        me.link(partner);
        send(to, Done{});
        co_await me.receive<Unlink>();
        me.unlink(partner);
        send(to, Done{});
        co_await me.receive<Never>();
      },
      self.pid(), a);
  co_await self.receive<Done>();
  const bool a_lists_b = co_await links_of(self, a) == std::vector{b};
  const bool b_lists_a = co_await links_of(self, b) == std::vector{a};
  p("linked", tuple({a_lists_b, b_lists_a}));
  send(b, Unlink{a});
  co_await self.receive<Done>();
  std::vector<Term> lists;
  for (Pid pid : {a, b}) {
    const auto links = co_await links_of(self, pid);
    lists.push_back(list(std::vector<Term>(links.begin(), links.end())));
  }
  p("unlinked", tuple(lists));
}

constexpr Scenario scenarios[] = {
    {"047-link-normal-exit-spares-partner", s047_link_normal_exit_spares_partner},
    {"048-link-abnormal-exit-kills-partner", s048_link_abnormal_exit_kills_partner},
    {"049-link-trap-converts", s049_link_trap_converts},
    {"050-link-both-directions", s050_link_both_directions},
    {"051-link-to-dead-process", s051_link_to_dead_process},
    {"052-link-double-link", s052_link_double_link},
    {"053-link-unlink-guarantee", s053_link_unlink_guarantee},
    {"054-link-unlink-keeps-queued-exit", s054_link_unlink_keeps_queued_exit},
    {"055-link-unlink-by-either-side", s055_link_unlink_by_either_side},
    {"056-link-to-self", s056_link_to_self},
    {"057-link-chain", s057_link_chain},
    {"058-link-trapping-link-stops-chain", s058_link_trapping_link_stops_chain},
    {"059-link-kill-spreads-as-killed", s059_link_kill_spreads_as_killed},
    {"060-link-star", s060_link_star},
    {"061-link-spawn-link-is-atomic", s061_link_spawn_link_is_atomic},
    {"062-link-info", s062_link_info},
};

}  // namespace

std::span<const Scenario> link_scenarios() { return scenarios; }

}  // namespace troupe::conformance
