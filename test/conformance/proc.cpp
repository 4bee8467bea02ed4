// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Processes: creation, liveness, flags (001 to 012).
#include <algorithm>
#include <set>

#include "conformance/scenario.hpp"
#include "conformance/support.hpp"

namespace troupe::conformance {

namespace {

struct Iam {
  Pid pid;
};

Async<> s001_proc_spawn_identity(Process& self) {
  const Pid parent = self.pid();
  const Pid child = spawn([](Process& me, Pid to) { send(to, Iam{me.pid()}); }, parent);
  const auto [pid] = co_await self.receive<Iam>();
  p("child_self_is_spawn_result", pid == child);
  p("child_is_not_parent", child != parent);
  p("self_is_stable", self.pid() == parent);
}

Async<> s002_proc_alive(Process& self) {
  const Pid child = spawn([](Process& me) -> Async<> { co_await me.receive<Stop>(); });
  p("alive_while_blocked", co_await is_alive(self, child));
  const Ref ref = self.monitor(child);
  send(child, Stop{});
  p("down_reason", co_await wait(self, ref));
  p("alive_after_down", co_await is_alive(self, child));
  p("self_alive", co_await is_alive(self, self.pid()));
}

struct Arguments {
  int a;
  Term b;
  std::vector<int> c;
};

Term answer_with(Process&, Pid to, int a, Term b, std::vector<int> c) {
  send(to, Arguments{a, std::move(b), std::move(c)});
  return atom("this_return_value_is_discarded");
}

Async<> s003_proc_spawn_module_function_args(Process& self) {
  const auto [pid, ref] =
      spawn_monitor(answer_with, self.pid(), 1, atom("two"), std::vector<int>{3});
  const auto [a, b, c] = co_await self.receive<Arguments>();
  const std::vector<Term> c_terms(c.begin(), c.end());
  p("args", list({a, b, list(c_terms)}));
  p("reason", co_await wait(self, ref));
  p("mailbox", co_await msgs(self));
}

Async<> s004_proc_crash_is_isolated(Process& self) {
  const Pid sibling = spawn([](Process& me) -> Async<> {
    const auto [from] = co_await me.receive<Ping>();
    send(from, Pong{});
  });
  p("bad_reason", co_await reason_of(self, [](Process&) { throw ErrorException{atom("boom")}; }));
  send(sibling, Ping{self.pid()});
  co_await self.receive<Pong>();
  p("sibling", atom("answers"));
  p("mailbox", co_await msgs(self));
}

Async<> s005_proc_dictionary(Process& self) {
  const Term key = atom("k");
  p("put_new", or_nil(self.put(key, 1)));
  p("put_again", or_nil(self.put(key, 2)));
  p("get", or_nil(self.get(key)));
  const Term missing = self.get(atom("missing"));
  p("get_default", missing.is_atom(atoms::undefined) ? atom("none") : missing);
  spawn([](Process& me, Pid to) { send(to, Fact{Atom{"child_sees"}, me.get(atom("k"))}); },
        self.pid());
  p("child_sees", or_nil((co_await self.receive<Fact>()).value));
  p("delete", or_nil(self.erase(key)));
  p("after_delete", or_nil(self.get(key)));
}

// Whether `trap_exits` takes a value of this type: what Erlang finds out when it runs.
template <class T>
constexpr bool is_trap_exits_value = requires(Process& self, T value) { self.trap_exits(value); };

Term to_term(Priority priority) {
  switch (priority) {
    case Priority::max:
      return atoms::max;
    case Priority::high:
      return atoms::high;
    case Priority::normal:
      return atoms::normal;
    case Priority::low:
      return atoms::low;
  }
  std::unreachable();
}

Async<> s006_proc_flags_not_inherited(Process& self) {
  p("trap_old", self.trap_exits(true));
  p("trap_old_2", self.trap_exits(true));
  p("priority_old", to_term(self.set_priority(Priority::high)));
  spawn_link(
      [](Process& me, Pid to) -> Async<> {
        const ProcessInfo info = co_await info_of(me, me.pid());
        send(to, list({tuple({atom("trap_exit"), info.traps_exits}),
                       tuple({atom("priority"), to_term(info.priority)})}));
      },
      self.pid());
  p("child", co_await self.receive<Term>());
  // The compiler refuses it: test/compile_fail/trap_exits_takes_a_bool.cpp.
  p("bad_value", is_trap_exits_value<Atom> ? atom("accepted") : atom("raised"));
  const ProcessInfo info = co_await info_of(self, self.pid());
  p("trap_now", tuple({atom("trap_exit"), info.traps_exits}));
}

struct TakeOne {};
struct End {};
struct Noise {};

Async<> s007_proc_queue_length(Process& self) {
  const Pid child = spawn([](Process& me) -> Async<> {
    co_await me.receive<TakeOne>();
    co_await me.receive<End>();
  });
  for (int i = 0; i < 3; ++i) send(child, Noise{});
  co_await queued(self, child, 3);
  p("queued", 3);
  send(child, TakeOne{});
  send(child, Noise{});
  co_await queued(self, child, 4);
  p("queued_after_selective_take", 4);
  exit(child, "kill");
}

Async<> wake(Process& self, Pid to) {
  Term message = co_await self.receive<Term>();
  send(to, tuple({message, self.get(atom("kept"))}));
  self.exit("from_wake");
}

Async<> s008_proc_hibernate_drops_stack(Process& self) {
  const auto [pid, ref] = spawn_monitor(
      [](Process& me, Pid to) -> Async<> {
        me.put(atom("kept"), atom("yes"));
        try {
          co_await me.hibernate(wake, to);
        } catch (...) {
          send(to, atom("old_try_block_was_still_there"));
        }
        send(to, atom("the_old_body_went_on"));
      },
      self.pid());
  send(pid, atom("hello"));
  p("woke_with", co_await self.receive(when([](const Term& message) { return message.is_tuple(2); },
                                            [](Term message) { return message; })));
  p("reason", co_await wait(self, ref));
  p("mailbox", co_await msgs(self));
}

Async<> s009_proc_many_processes(Process& self) {
  constexpr int count = 5'000;
  std::vector<Pid> pids;
  for (int i = 1; i <= count; ++i) {
    pids.push_back(spawn(
        [](Process& me, Pid to, int number) -> Async<> {
          co_await me.receive<Go>();
          send(to, number);
        },
        self.pid(), i));
  }
  p("distinct", std::set<Pid>(pids.begin(), pids.end()).size());
  bool all_alive = true;
  for (Pid pid : pids) all_alive = co_await is_alive(self, pid) && all_alive;
  p("all_alive", all_alive);
  for (Pid pid : pids) send(pid, Go{});
  int sum = 0;
  for (int i = 0; i < count; ++i) sum += co_await self.receive<int>();
  p("sum", sum);
}

struct Token {
  int hops;
};

Async<> hop(Process& self, Pid next) {
  while (co_await self.receive(
      [&](Token token) {
        send(next, Token{token.hops + 1});
        return true;
      },
      [](Stop) { return false; })) {
  }
}

Async<> s010_proc_ring(Process& self) {
  std::vector<Pid> pids;
  Pid first = self.pid();
  for (int i = 0; i < 300; ++i) {
    first = spawn(hop, first);
    pids.push_back(first);
  }
  int count = 0;
  for (int round = 0; round < 20; ++round) {
    send(first, Token{count});
    count = (co_await self.receive<Token>()).hops;
  }
  p("hops", count);
  std::vector<Ref> refs;
  for (Pid pid : pids) refs.push_back(self.monitor(pid));
  for (Pid pid : pids) send(pid, Stop{});
  std::vector<Term> reasons;
  for (Ref ref : refs) reasons.push_back(co_await wait(self, ref));
  p("reasons", uniq(reasons));
}

// Erlang preempts; here a loop that is to be fair, and to be ended, has to await something. See
// docs/reference/differences-from-otp.md.
Async<> spin(Process& self) {
  while (true) co_await self.yield();
}

Async<> dead_after_signal(Process& self, const char* kind, Async<> (*body)(Process&), int rounds,
                          const char* reason) {
  std::vector<Term> outcomes;
  for (int i = 0; i < rounds; ++i) {
    const Pid pid = spawn(body);
    register_name("target", pid);
    exit(pid, reason);
    const bool alive = co_await is_alive(self, pid);
    const bool has_info = (co_await process_info(self, pid)).has_value();
    outcomes.push_back(
        tuple({alive, has_info ? atom("info") : Term{atoms::nil}, or_nil(whereis("target"))}));
  }
  p(kind, uniq(outcomes));
}

Async<> s011_proc_alive_waits_for_own_signals(Process& self) {
  for (const char* reason : {"kill", "boom"}) {
    co_await dead_after_signal(self, "waiting", wait_for_ever, 500, reason);
  }
  for (const char* reason : {"kill", "boom"}) {
    co_await dead_after_signal(self, "busy", spin, 50, reason);
  }
}

Async<> s012_proc_busy_process_is_preempted(Process& self) {
  std::vector<Pid> busy;
  for (unsigned i = 0; i <= self.runtime().workers(); ++i) busy.push_back(spawn(spin));
  spawn([](Process&, Pid to) { send(to, Ready{}); }, self.pid());
  co_await self.receive<Ready>();
  p("other_process_ran");
  std::vector<Ref> refs;
  for (Pid pid : busy) refs.push_back(self.monitor(pid));
  for (Pid pid : busy) exit(pid, "kill");
  std::vector<Term> reasons;
  for (Ref ref : refs) reasons.push_back(co_await wait(self, ref));
  p("loops_end_with", uniq(reasons));
}

constexpr Scenario scenarios[] = {
    {"001-proc-spawn-identity", s001_proc_spawn_identity},
    {"002-proc-alive", s002_proc_alive},
    {"003-proc-spawn-module-function-args", s003_proc_spawn_module_function_args},
    {"004-proc-crash-is-isolated", s004_proc_crash_is_isolated},
    {"005-proc-dictionary", s005_proc_dictionary},
    {"006-proc-flags-not-inherited", s006_proc_flags_not_inherited},
    {"007-proc-queue-length", s007_proc_queue_length},
    {"008-proc-hibernate-drops-stack", s008_proc_hibernate_drops_stack},
    {"009-proc-many-processes", s009_proc_many_processes},
    {"010-proc-ring", s010_proc_ring},
    {"011-proc-alive-waits-for-own-signals", s011_proc_alive_waits_for_own_signals},
    {"012-proc-busy-process-is-preempted", s012_proc_busy_process_is_preempted},
};

}  // namespace

std::span<const Scenario> proc_scenarios() { return scenarios; }

}  // namespace troupe::conformance
