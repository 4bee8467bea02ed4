// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Selective receive (023 to 034).
#include <algorithm>

#include "conformance/scenario.hpp"
#include "conformance/support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

struct A {};
struct B {};

Async<> s023_receive_mailbox_order_beats_clause_order(Process& self) {
  send(self.pid(), B{});
  send(self.pid(), A{});
  std::vector<Term> taken;
  for (int i = 0; i < 2; ++i) {
    taken.push_back(
        co_await self.receive([](A) { return atom("a"); }, [](B) { return atom("b"); }));
  }
  p("taken", list(taken));
}

struct X {};
struct Y {};
Term to_term(X) { return atom("x"); }
Term to_term(Y) { return atom("y"); }

Async<> s024_receive_unmatched_stay_in_order(Process& self) {
  const Pid me = self.pid();
  send(me, 1);
  send(me, 2);
  send(me, X{});
  send(me, 3);
  send(me, Y{});
  send(me, 4);
  p("took", co_await self.receive([](Y y) { return to_term(y); }));
  p("took", co_await self.receive([](X x) { return to_term(x); }));
  p("rest", co_await msgs<int, X, Y>(self));
}

Async<> s025_receive_guards(Process& self) {
  for (const Term& m : {Term{1}, atom("atom"), Term{12}, Term{7}, Term{30}}) send(self.pid(), m);
  p("first_over_10",
    co_await self.receive(when([](const Term& n) { return n.is_integer() && n > Term{10}; },
                               [](Term n) { return n; })));
  // For the atom the guard fails with an exception, which counts as false.
  p("multiple_of_10",
    co_await self.receive(
        when([](const Term& n) { return n > Term{10} && n.as_int().value() % 10 == 0; },
             [](Term n) { return n; })));
  p("rest", co_await msgs(self));
}

struct Number {
  int value;
};
Term to_term(Number n) { return n.value; }

Async<> s026_receive_reverse_order(Process& self) {
  constexpr int count = 500;
  for (int i = 1; i <= count; ++i) send(self.pid(), Number{i});
  std::vector<int> got;
  for (int i = count; i >= 1; --i) {
    got.push_back(co_await self.receive(
        when([i](const Number& n) { return n.value == i; }, [](Number n) { return n.value; })));
  }
  p("taken_in_reverse", got.size() == count && std::ranges::is_sorted(got, std::greater{}) &&
                            got.front() == count && got.back() == 1);
  p("rest", co_await msgs<Number>(self));
}

struct Want {
  Term value;
};
struct Noise {
  int number;
};
Term to_term(const Want& want) { return tuple({atom("want"), want.value}); }
Term to_term(Noise noise) { return tuple({atom("noise"), noise.number}); }

Async<Term> poll(Process& self) {
  const auto want = co_await self.receive<Want>(0ms);
  co_return want ? want->value : atom("nothing");
}

Async<> s027_receive_after_zero(Process& self) {
  p("empty", co_await poll(self));
  send(self.pid(), Noise{0});
  p("only_unmatched", co_await poll(self));
  for (int i = 1; i <= 1'000; ++i) send(self.pid(), Noise{i});
  send(self.pid(), Want{atom("found_last")});
  p("match_behind_1001_others", co_await poll(self));
  p("left", (co_await msgs<Noise, Want>(self)).size());
}

struct Wanted {};

Async<> s028_receive_timeout_not_reset(Process& self) {
  const Pid noise = spawn(
      [](Process& me, Pid to) -> Async<> {
        while (true) {
          send(to, atom("noise"));
          co_await me.sleep(20ms);
        }
      },
      self.pid());
  const Duration start = self.monotonic_time();
  const Term result = co_await self.receive([](Wanted) { return atom("got_it"); },
                                            after(300ms, [] { return atom("timed_out"); }));
  const Duration waited = self.monotonic_time() - start;
  exit(noise, "kill");
  p("result", result);
  p("not_early", waited >= 300ms);
  const Term kept = co_await msgs(self);
  p("noise_kept", uniq({kept.elements().begin(), kept.elements().end()}));
}

struct Late {};

Async<> s029_receive_timeout_branch_keeps_late_message(Process& self) {
  send_after(self.pid(), 150ms, Late{});
  const auto got_within = [&self](Duration time) {
    return self.receive([](Late) { return atom("got"); },
                        after(time, [] { return atom("timed_out"); }));
  };
  p("first", co_await got_within(20ms));
  p("second", co_await got_within(5s));
}

struct Key {
  int number;
};
Term to_term(Key key) { return tuple({atom("key"), key.number}); }

Async<> s030_receive_wakes_on_match_only(Process& self) {
  const Pid waiter = spawn(
      [](Process& me, Pid to) -> Async<> {
        const int matched = co_await me.receive(when([](const Key& key) { return key.number == 3; },
                                                     [](Key key) { return key.number; }));
        send(to, Fact{Atom{"matched"}, matched});
        const Term kept = co_await msgs<Key>(me);
        send(to, Fact{Atom{"kept"}, kept});
      },
      self.pid());
  send(waiter, Key{1});
  send(waiter, Key{2});
  co_await queued(self, waiter, 2);
  p("before_match", co_await msgs<Fact>(self));
  send(waiter, Key{3});
  for (int i = 0; i < 2; ++i) {
    const auto [key, value] = co_await self.receive<Fact>();
    p(key.text(), value);
  }
}

struct Outer {
  int number;
};
struct Inner {
  int number;
};

Async<> s031_receive_nested(Process& self) {
  send(self.pid(), atom("skipped"));
  send(self.pid(), Outer{1});
  send(self.pid(), Inner{2});
  // A clause that waits itself is a coroutine: the outer receive gives it, and it is awaited.
  const auto nested = [](Process& me, int outer) -> Async<> {
    const auto [inner] = co_await me.receive<Inner>();
    p("outer_inner", tuple({outer, inner}));
    p("then_oldest", co_await me.receive([](Term any) { return any; },
                                         [](Any) { return atom("not_the_oldest"); }));
  };
  co_await co_await self.receive([&](Outer outer) { return nested(self, outer.number); });
}

struct LateType {};

Async<> s032_receive_rescan_from_start(Process& self) {
  send(self.pid(), LateType{});
  for (int i = 1; i <= 3; ++i) send(self.pid(), i);
  int sum = 0;
  for (int i = 0; i < 3; ++i) sum += co_await self.receive<int>();
  p("sum", sum);
  co_await self.receive<LateType>();
  p("skipped_three_times_then_taken");
}

Async<> s033_receive_only_after(Process& self) {
  send(self.pid(), atom("a"));
  const Duration start = self.monotonic_time();
  co_await self.receive(after(60ms, [] {}));
  p("waited", self.monotonic_time() - start >= 60ms);
  co_await self.sleep(10ms);
  p("mailbox", co_await msgs(self));
}

struct Urgent {
  int number;
};
struct Normal {
  int number;
};

Async<int> next_by_priority(Process& self) {
  if (const auto urgent = co_await self.receive<Urgent>(0ms)) co_return urgent->number;
  co_return co_await self.receive([](Urgent m) { return m.number; },
                                  [](Normal m) { return m.number; });
}

Async<> s034_receive_priority_idiom(Process& self) {
  send(self.pid(), Normal{1});
  send(self.pid(), Urgent{2});
  send(self.pid(), Normal{3});
  send(self.pid(), Urgent{4});
  std::vector<Term> order;
  for (int i = 0; i < 4; ++i) order.push_back(co_await next_by_priority(self));
  p("order", list(order));
}

constexpr Scenario scenarios[] = {
    {"023-receive-mailbox-order-beats-clause-order", s023_receive_mailbox_order_beats_clause_order},
    {"024-receive-unmatched-stay-in-order", s024_receive_unmatched_stay_in_order},
    {"025-receive-guards", s025_receive_guards},
    {"026-receive-reverse-order", s026_receive_reverse_order},
    {"027-receive-after-zero", s027_receive_after_zero},
    {"028-receive-timeout-not-reset", s028_receive_timeout_not_reset},
    {"029-receive-timeout-branch-keeps-late-message",
     s029_receive_timeout_branch_keeps_late_message},
    {"030-receive-wakes-on-match-only", s030_receive_wakes_on_match_only},
    {"031-receive-nested", s031_receive_nested},
    {"032-receive-rescan-from-start", s032_receive_rescan_from_start},
    {"033-receive-only-after", s033_receive_only_after},
    {"034-receive-priority-idiom", s034_receive_priority_idiom},
};

}  // namespace

std::span<const Scenario> receive_scenarios() { return scenarios; }

}  // namespace troupe::conformance
