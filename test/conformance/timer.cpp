// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Timers (086 to 098).
#include <algorithm>
#include <concepts>

#include "conformance/scenario.hpp"
#include "conformance/support.hpp"

namespace troupe::conformance {

using namespace std::chrono_literals;

namespace {

struct Ding {};
Term to_term(Ding) { return atom("ding"); }

bool in_range(std::optional<Duration> left) { return left && *left > 50s && *left <= 60s; }

Async<> s086_timer_send_after(Process& self) {
  const Duration start = self.monotonic_time();
  const TimerRef timer = send_after(self.pid(), 80ms, Ding{});
  p("is_reference", static_cast<bool>(timer));
  p("mailbox_before", co_await msgs<Ding>(self));
  co_await self.receive<Ding>();
  p("not_early", self.monotonic_time() - start >= 80ms);
  co_await self.sleep(120ms);
  p("mailbox_after", co_await msgs<Ding>(self));
}

Async<> s087_timer_cancel(Process& self) {
  const TimerRef running = send_after(self.pid(), 60s, atom("never"));
  p("left_in_range", in_range(cancel_timer(running)));
  p("cancel_again", milliseconds_or_false(cancel_timer(running)));
  const TimerRef fired = send_after(self.pid(), 10ms, Ding{});
  co_await self.receive<Ding>();
  p("cancel_fired", milliseconds_or_false(cancel_timer(fired)));
  p("cancel_unknown", milliseconds_or_false(cancel_timer(TimerRef{})));
  cancel_timer(send_after(self.pid(), 50ms, atom("never")));
  co_await self.sleep(120ms);
  p("mailbox", co_await msgs(self));
}

Async<> s088_timer_cancel_does_not_recall(Process& self) {
  const TimerRef timer = send_after(self.pid(), 10ms, atom("stale"));
  co_await queued(self, self.pid(), 1);
  p("cancel", milliseconds_or_false(cancel_timer(timer)));
  p("mailbox", co_await msgs(self));
}

Async<> s089_timer_read(Process& self) {
  const TimerRef running = send_after(self.pid(), 60s, Ding{});
  p("running", in_range(read_timer(running)));
  cancel_timer(running);
  p("cancelled", milliseconds_or_false(read_timer(running)));
  const TimerRef fired = send_after(self.pid(), 10ms, Ding{});
  co_await self.receive<Ding>();
  p("fired", milliseconds_or_false(read_timer(fired)));
}

Async<> s090_timer_start_timer(Process& self) {
  const TimerRef first = start_timer(self.pid(), 10ms, atom("tick"));
  const TimerRef second = start_timer(self.pid(), 200ms, atom("tick"));
  p("distinct", first != second);
  for (TimerRef timer : {first, second}) {
    const auto [fired, message] = co_await self.receive<TimerFired<Term>>();
    p("timeout", tuple({fired == timer, message}));
  }
}

Async<> s091_timer_order(Process& self) {
  for (int ms : {300, 100, 200}) send_after(self.pid(), std::chrono::milliseconds{ms}, ms);
  std::vector<Term> order;
  for (int i = 0; i < 3; ++i) order.push_back(co_await self.receive<int>());
  p("order", list(order));
}

Async<> s092_timer_to_dead_process(Process& self) {
  const Pid pid = spawn([](Process& me) -> Async<> { co_await me.receive<Stop>(); });
  const TimerRef timer = send_after(pid, 60s, atom("late"));
  p("running", milliseconds_or_false(read_timer(timer)).is_integer());
  const Ref ref = self.monitor(pid);
  send(pid, Stop{});
  p("down", co_await wait(self, ref));
  co_await until(self, [timer]() -> Async<bool> { co_return !read_timer(timer); });
  p("after_death", milliseconds_or_false(read_timer(timer)));
  const auto [dead, dead_ref] = spawn_monitor(end_at_once);
  co_await wait(self, dead_ref);
  p("start_to_dead", attempt([&] { send_after(dead, 10ms, atom("late")); }));
}

Async<> s093_timer_outlives_its_creator(Process& self) {
  p("creator",
    co_await reason_of(
        self, [](Process&, Pid to) { send_after(to, 100ms, atom("from_the_grave")); }, self.pid()));
  p("got", co_await self.receive<Term>());
}

Async<> s094_timer_sleep_takes_nothing(Process& self) {
  send(self.pid(), atom("before"));
  send_after(self.pid(), 20ms, atom("during"));
  co_await self.sleep(100ms);
  p("mailbox", co_await msgs(self));
}

// Whether a timer can be started with a delay of this type: what Erlang finds out when it runs.
template <class D>
constexpr bool is_delay = requires(Pid to, D delay, Term m) { send_after(to, delay, m); };

Async<> s095_timer_bad_arguments(Process& self) {
  const Pid me = self.pid();
  p("negative", unless_raised("error", [me] { send_after(me, -1ms, atom("x")); }));
  // 1.5 ms as a floating point number; the compiler refuses it:
  // test/compile_fail/a_delay_is_a_whole_number.cpp. (1500us is an exact duration, and allowed.)
  p("float",
    is_delay<std::chrono::duration<double, std::milli>> ? atom("accepted") : atom("error"));
  send_after(me, 0ms, atom("zero"));
  p("got", co_await self.receive<Term>());
  Term outcome = atom("ok");
  try {
    co_await self.receive(after(-1ms, [] {}));
  } catch (const ErrorException&) {
    outcome = atom("error");
  }
  p("receive_after_negative", outcome);
}

Async<> s096_timer_absolute_time(Process& self) {
  const Duration now = self.monotonic_time();
  send_at(self.pid(), now + 100ms, atom("at_100"));
  send_at(self.pid(), now - 50ms, atom("in_the_past"));
  p("first", co_await self.receive<Term>());
  p("second", co_await self.receive<Term>());
  p("not_early", self.monotonic_time() >= now + 100ms);
}

// What a call that gives nothing answers in Erlang.
template <std::invocable F>
Term ok_if_returns(F call) {
  const Term outcome = attempt(call);
  return outcome.is_atom(atoms::true_) ? Term{atoms::ok} : outcome;
}

Async<> s097_timer_async_cancel(Process& self) {
  const TimerRef first = send_after(self.pid(), 60s, atom("x"));
  p("async", ok_if_returns([&] { cancel_timer_async(first); }));
  p("left_in_range",
    co_await self.receive(when([first](const TimerCancelled& m) { return m.timer == first; },
                               [](TimerCancelled m) { return in_range(m.left); })));
  const TimerRef second = send_after(self.pid(), 60s, atom("x"));
  // Without information: the result of the call is not looked at.
  p("no_info", ok_if_returns([&] { (void)cancel_timer(second); }));
  p("async_no_info", ok_if_returns([&] { cancel_timer_async(second, TimerReport::no); }));
  co_await self.sleep(30ms);
  p("mailbox", co_await msgs(self));
}

struct Fired {
  int number;
};
Term to_term(Fired fired) { return tuple({atom("fired"), fired.number}); }

Async<> s098_timer_many(Process& self) {
  constexpr int count = 10'000;
  std::vector<TimerRef> timers;
  for (int i = 1; i <= count; ++i) {
    timers.push_back(
        send_after(self.pid(), std::chrono::milliseconds{500 + i * 7 % 200}, Fired{i}));
  }
  int cancelled = 0;
  for (int i = 2; i <= count; i += 2) {
    cancelled += cancel_timer(timers[static_cast<std::size_t>(i - 1)]).has_value() ? 1 : 0;
  }
  p("cancelled", cancelled);
  std::vector<int> got;
  for (int i = 0; i < count / 2; ++i) got.push_back((co_await self.receive<Fired>()).number);
  std::ranges::sort(got);
  std::vector<int> odd;
  for (int i = 1; i <= count; i += 2) odd.push_back(i);
  p("fired_odd_only", got == odd);
  co_await self.sleep(300ms);
  p("mailbox", co_await msgs<Fired>(self));
}

constexpr Scenario scenarios[] = {
    {"086-timer-send-after", s086_timer_send_after},
    {"087-timer-cancel", s087_timer_cancel},
    {"088-timer-cancel-does-not-recall", s088_timer_cancel_does_not_recall},
    {"089-timer-read", s089_timer_read},
    {"090-timer-start-timer", s090_timer_start_timer},
    {"091-timer-order", s091_timer_order},
    {"092-timer-to-dead-process", s092_timer_to_dead_process},
    {"093-timer-outlives-its-creator", s093_timer_outlives_its_creator},
    {"094-timer-sleep-takes-nothing", s094_timer_sleep_takes_nothing},
    {"095-timer-bad-arguments", s095_timer_bad_arguments},
    {"096-timer-absolute-time", s096_timer_absolute_time},
    {"097-timer-async-cancel", s097_timer_async_cancel},
    {"098-timer-many", s098_timer_many},
};

}  // namespace

std::span<const Scenario> timer_scenarios() { return scenarios; }

}  // namespace troupe::conformance
