// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Exit reasons and exit signals (035 to 046).
#include <concepts>

#include "conformance/scenario.hpp"
#include "conformance/support.hpp"

namespace troupe::conformance {

namespace {

Async<> s035_exit_reasons(Process& self) {
  p("returned", co_await reason_of(self, [](Process&) { return atom("some_value"); }));
  p("exit_normal", co_await reason_of(self, exit_with, atom("normal")));
  p("exit_shutdown", co_await reason_of(self, exit_with, atom("shutdown")));
  const Term because = tuple({atoms::shutdown, atom("because")});
  p("exit_shutdown_term", co_await reason_of(self, exit_with, because));
  const Term mine = tuple({atom("my"), list({atom("reason"), 1})});
  p("exit_custom", co_await reason_of(self, exit_with, mine));
  const auto fail = [](Process&, Term error) { throw ErrorException{std::move(error)}; };
  p("error", co_await reason_of(self, fail, atom("boom")));
  const Term bad = tuple({atom("bad"), 7});
  p("error_tuple", co_await reason_of(self, fail, bad));
  p("throw", co_await reason_of(self, [](Process&) { throw ThrownException{atom("ball")}; }));
}

// The class and the value of what the call throws.
template <std::invocable F>
Term classify(F call) {
  try {
    call();
  } catch (const ExitException& exception) {
    return tuple({atoms::exit, exception.reason().term()});
  } catch (const ErrorException& exception) {
    return tuple({atoms::error, exception.error()});
  } catch (const ThrownException& exception) {
    return tuple({atoms::throw_, exception.value()});
  }
  return atom("returned");
}

Async<> s036_exit_own_exit_can_be_caught(Process& self) {
  p("reason", co_await reason_of(self, [](Process& me) {
      p("c1", classify([&] { me.exit("e"); }));
      p("c2", classify([] { throw ErrorException{atom("e")}; }));
      p("c3", classify([] { throw ThrownException{atom("e")}; }));
      p("c4", classify([&] { me.exit("normal"); }));
      p("still_alive");
    }));
}

struct Inside {};

Async<> s037_exit_signal_cannot_be_caught(Process& self) {
  const auto [pid, ref] = spawn_monitor(
      [](Process& me, Pid to) -> Async<> {
        // Erlang's `after` block without a destructor: those do run, because they free what the
        // process owns (see docs/reference/differences-from-otp.md).
        try {
          send(to, Inside{});
          co_await me.receive<Never>();
        } catch (...) {
          send(to, atom("caught"));
          send(to, atom("after_block"));
          throw;
        }
        send(to, atom("after_block"));
      },
      self.pid());
  co_await self.receive<Inside>();
  exit(pid, "from_outside");
  p("reason", co_await wait(self, ref));
  p("mailbox", co_await msgs(self));
}

struct Cleanup {
  const char* which;
  ~Cleanup() { p("cleanup", atom(which)); }
};

Async<> s038_exit_after_block_on_own_exit(Process& self) {
  p("reason", co_await reason_of(self, [](Process& me) {
      const Cleanup outer{"outer"};
      const Cleanup inner{"inner"};
      me.exit("stop");
    }));
}

Async<> s039_exit_signal_normal_ignored(Process& self) {
  const Pid pid = spawn([](Process& me) -> Async<> {
    const auto [from] = co_await me.receive<Ping>();
    send(from, co_await msgs(me));
  });
  exit(pid, "normal");
  send(pid, Ping{self.pid()});
  p("answered_with_mailbox", co_await self.receive<Term>());
}

Async<> s040_exit_signal_custom(Process& self) {
  for (const Term& reason : {atom("shutdown"), tuple({atoms::shutdown, atom("x")}), atom("boom"),
                             tuple({atom("a"), 1}), atom("kill"), atom("killed")}) {
    const auto [pid, ref] = spawn_monitor(wait_for_ever);
    exit(pid, reason);
    p("sent", reason);
    p("died_with", co_await wait(self, ref));
  }
}

Async<> s041_exit_trapped_signals_are_messages(Process& self) {
  const auto [pid, ref] = spawn_monitor(
      [](Process& me, Pid to) -> Async<> {
        me.trap_exits();
        send(to, Ready{});
        while (true) {
          const auto [from, reason] = co_await me.receive<Exit>();
          send(to, tuple({reason.term(), from == to}));
        }
      },
      self.pid());
  co_await self.receive<Ready>();
  for (const char* reason : {"normal", "shutdown", "boom", "killed"}) {
    exit(pid, reason);
    p("trapped", co_await self.receive<Term>());
  }
  exit(pid, "kill");
  p("reason", co_await wait(self, ref));
}

struct Linked {};

Async<> s042_exit_kill_by_own_hand(Process& self) {
  self.trap_exits();
  const Pid a = spawn_link(exit_on_go, atom("kill"));
  const auto [other, ref] = spawn_monitor(
      [](Process& me, Pid to, Pid partner) -> Async<> {
        me.link(partner);
        send(to, Linked{});
        co_await me.receive<Never>();
      },
      self.pid(), a);
  co_await self.receive<Linked>();
  send(a, Go{});
  p("trapped", co_await self.receive(when([a](const Exit& m) { return m.from == a; },
                                          [](Exit m) { return m.reason.term(); })));
  p("linked_non_trapping_died_with", co_await wait(self, ref));
}

// Sends itself a fatal signal where handlers try to stop it.
Async<> signal_to_oneself(Process& self, Pid to, Term reason) {
  try {
    try {
      exit(self.pid(), reason);
    } catch (const std::exception&) {
      send(to, atom("caught"));
    }
    send(to, atom("continued"));
  } catch (...) {
    // Such a handler sees it, and nothing comes of that: the next await is the end.
  }
  co_await self.yield();
  send(to, atom("came_back"));
}

Async<> s043_exit_signal_to_self(Process& self) {
  for (const char* reason : {"boom", "kill", "shutdown"}) {
    p(reason, co_await reason_of(self, signal_to_oneself, self.pid(), atom(reason)));
  }
  p("mailbox", co_await msgs(self));
}

Async<> s044_exit_signal_to_dead(Process& self) {
  const auto [pid, ref] = spawn_monitor(end_at_once);
  co_await wait(self, ref);
  p("result", attempt([&] { exit(pid, "boom"); }));
  p("result_kill", attempt([&] { exit(pid, "kill"); }));
  p("mailbox", co_await msgs(self));
}

Async<> s045_exit_first_signal_wins(Process& self) {
  std::vector<Term> outcomes;
  for (int i = 0; i < 200; ++i) {
    const auto [pid, ref] = spawn_monitor(wait_for_ever);
    exit(pid, "first");
    exit(pid, "kill");
    outcomes.push_back(co_await wait(self, ref));
  }
  p("reasons", uniq(outcomes));
}

struct Watch {
  Pid pid;
};
struct Watching {};

Async<> compare_reason(Process& self, Pid to, Term expected) {
  const auto [pid] = co_await self.receive<Watch>();
  const Ref ref = self.monitor(pid);
  send(to, Watching{});
  send(to, co_await wait(self, ref) == expected);
}

Async<> s046_exit_reason_passed_unchanged(Process& self) {
  self.trap_exits();
  std::vector<Term> numbers;
  for (int i = 1; i <= 200; ++i) numbers.push_back(i);
  const Term big = tuple({atom("reason"), list(numbers),
                          map({{atom("nested"), tuple({atom("a"), Term::binary("text"), 1.5})}})});
  std::vector<Pid> watchers;
  for (int i = 0; i < 3; ++i) watchers.push_back(spawn(compare_reason, self.pid(), big));
  const Pid pid = spawn_link(exit_on_go, big);
  for (Pid watcher : watchers) send(watcher, Watch{pid});
  for (int i = 0; i < 3; ++i) co_await self.receive<Watching>();
  send(pid, Go{});
  std::vector<Term> monitors;
  for (int i = 0; i < 3; ++i) monitors.push_back(co_await self.receive<bool>());
  p("monitors", list(monitors));
  p("link", co_await self.receive(when([pid](const Exit& m) { return m.from == pid; },
                                       [&](Exit m) { return m.reason.term() == big; })));
}

constexpr Scenario scenarios[] = {
    {"035-exit-reasons", s035_exit_reasons},
    {"036-exit-own-exit-can-be-caught", s036_exit_own_exit_can_be_caught},
    {"037-exit-signal-cannot-be-caught", s037_exit_signal_cannot_be_caught},
    {"038-exit-after-block-on-own-exit", s038_exit_after_block_on_own_exit},
    {"039-exit-signal-normal-ignored", s039_exit_signal_normal_ignored},
    {"040-exit-signal-custom", s040_exit_signal_custom},
    {"041-exit-trapped-signals-are-messages", s041_exit_trapped_signals_are_messages},
    {"042-exit-kill-by-own-hand", s042_exit_kill_by_own_hand},
    {"043-exit-signal-to-self", s043_exit_signal_to_self},
    {"044-exit-signal-to-dead", s044_exit_signal_to_dead},
    {"045-exit-first-signal-wins", s045_exit_first_signal_wins},
    {"046-exit-reason-passed-unchanged", s046_exit_reason_passed_unchanged},
};

}  // namespace

std::span<const Scenario> exit_scenarios() { return scenarios; }

}  // namespace troupe::conformance
