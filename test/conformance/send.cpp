// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Sending and signal order (013 to 022).
#include <algorithm>
#include <numeric>

#include <troupe/name_at.hpp>

#include "conformance/scenario.hpp"
#include "conformance/support.hpp"

namespace troupe::conformance {

namespace {

// Erlang's send gives the message. Here the sender keeps what it has copied: the same value,
// whatever became of the message.
template <class To>
Term sent(const To& to, Term message) {
  send(to, message);
  return message;
}

std::vector<int> from_to(int first, int last) {
  std::vector<int> numbers(static_cast<std::size_t>(last - first + 1));
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

Async<> s013_send_returns_message(Process& self) {
  p("result", sent(self.pid(), tuple({atom("m"), 1})));
  send(self.pid(), tuple({atom("m"), 2}));
  send(self.pid(), tuple({atom("m"), 3}));
  p("mailbox", co_await msgs(self));
}

Async<> s014_send_pair_order(Process& self) {
  constexpr int count = 10'000;
  spawn(
      [](Process&, Pid to) {
        for (int i = 1; i <= count; ++i) send(to, i);
      },
      self.pid());
  std::vector<int> got;
  for (int i = 0; i < count; ++i) got.push_back(co_await self.receive<int>());
  p("count", got.size());
  p("in_order", got == from_to(1, count));
}

struct Tagged {
  char tag;
  int number;
};

Async<> s015_send_two_senders(Process& self) {
  constexpr int count = 2'000;
  for (char tag : {'a', 'b'}) {
    spawn(
        [](Process&, Pid to, char own_tag) {
          for (int i = 1; i <= count; ++i) send(to, Tagged{own_tag, i});
        },
        self.pid(), tag);
  }
  std::vector<int> got_a;
  std::vector<int> got_b;
  for (int i = 0; i < 2 * count; ++i) {
    const auto [tag, number] = co_await self.receive<Tagged>();
    (tag == 'a' ? got_a : got_b).push_back(number);
  }
  p("order_of_a", got_a == from_to(1, count));
  p("order_of_b", got_b == from_to(1, count));
}

Async<> s016_send_to_dead_process(Process& self) {
  const auto [pid, ref] = spawn_monitor(end_at_once);
  co_await wait(self, ref);
  p("result", sent(pid, atom("anyone")));
  p("mailbox", co_await msgs(self));
}

Async<> s017_send_to_unregistered_name(Process& self) {
  const std::string node = self.runtime().name();
  p("plain_name", unless_raised("raised", [] { return sent(Name{"nobody_here"}, atom("hi")); }));
  p("name_and_node", sent(NameAt{"nobody_here", node}, atom("hi")));
  self.register_name("somebody");
  send(NameAt{"somebody", node}, atom("via_pair"));
  send(Name{"somebody"}, atom("via_name"));
  p("mailbox", co_await msgs(self));
}

Async<> s018_send_mixed_addressing(Process& self) {
  constexpr int rounds = 1'000;
  self.register_name("receiver");
  spawn(
      [](Process& me, Pid to, Alias alias) {
        const NameAt pair{"receiver", me.runtime().name()};
        for (int i = 1; i <= rounds; ++i) {
          send(to, 4 * i);
          send(Name{"receiver"}, 4 * i + 1);
          send(pair, 4 * i + 2);
          send(alias, 4 * i + 3);
        }
      },
      self.pid(), self.alias());
  std::vector<int> got;
  for (int i = 0; i < 4 * rounds; ++i) got.push_back(co_await self.receive<int>());
  p("in_order", got == from_to(4, 4 * rounds + 3));
}

Async<> s019_send_message_before_exit_signal(Process& self) {
  self.trap_exits();
  std::vector<Term> first_messages;
  for (int i = 0; i < 300; ++i) {
    const auto [pid, ref] = spawn_with(
        {.link = true, .monitor = true},
        [](Process& me, Pid to) {
          send(to, atom("last_words"));
          me.exit("bye");
        },
        self.pid());
    first_messages.push_back(co_await self.receive(
        [](Term message) { return message; },
        [](Any message) { return atom(message.type_name().substr(0, 200)); }));
    co_await self.receive(when(
        [pid](const Exit& m) { return m.from == pid && m.reason.is(Atom{"bye"}); }, [](Exit) {}));
    co_await self.receive(when(
        [ref](const Down& m) { return m.ref == ref && m.reason.is(Atom{"bye"}); }, [](Down) {}));
  }
  p("first_messages", uniq(first_messages));
}

struct Collect {};

Async<> s020_send_signals_and_messages_in_order(Process& self) {
  const Pid b = spawn(
      [](Process& me, Pid to) -> Async<> {
        me.trap_exits();
        send(to, Ready{});
        co_await me.receive<Collect>();
        const Term all = co_await msgs(me);
        std::vector<Term> seen;
        for (const Term& message : all.elements()) {
          seen.push_back(message.is_tagged(atoms::EXIT) ? tuple({atoms::exit, message[2]})
                                                        : message);
        }
        send(to, list(seen));
      },
      self.pid());
  co_await self.receive<Ready>();
  send(b, atom("m1"));
  exit(b, "s1");
  send(b, atom("m2"));
  exit(b, "s2");
  send(b, atom("m3"));
  send(b, Collect{});
  p("saw", co_await self.receive<Term>());
}

Async<> s021_send_exit_signal_before_message(Process& self) {
  std::vector<Term> outcomes;
  for (int i = 0; i < 300; ++i) {
    const auto [pid, ref] = spawn_monitor(
        [](Process& me, Pid to) -> Async<> {
          co_await me.receive<Go>();
          send(to, atom("must_not_happen"));
        },
        self.pid());
    exit(pid, "stop_now");
    send(pid, Go{});
    outcomes.push_back(co_await wait(self, ref));
  }
  p("reasons", uniq(outcomes));
  p("mailbox", co_await msgs(self));
}

Async<> s022_send_message_then_exit_signal(Process& self) {
  const auto [pid, ref] = spawn_monitor(
      [](Process& me, Pid to) -> Async<> {
        co_await me.receive<Never>();
        send(to, atom("must_not_happen"));
      },
      self.pid());
  send(pid, atom("queued_message"));
  exit(pid, "fatal");
  p("reason", co_await wait(self, ref));
  p("mailbox", co_await msgs(self));
}

constexpr Scenario scenarios[] = {
    {"013-send-returns-message", s013_send_returns_message},
    {"014-send-pair-order", s014_send_pair_order},
    {"015-send-two-senders", s015_send_two_senders},
    {"016-send-to-dead-process", s016_send_to_dead_process},
    {"017-send-to-unregistered-name", s017_send_to_unregistered_name},
    {"018-send-mixed-addressing", s018_send_mixed_addressing},
    {"019-send-message-before-exit-signal", s019_send_message_before_exit_signal},
    {"020-send-signals-and-messages-in-order", s020_send_signals_and_messages_in_order},
    {"021-send-exit-signal-before-message", s021_send_exit_signal_before_message},
    {"022-send-message-then-exit-signal", s022_send_message_then_exit_signal},
};

}  // namespace

std::span<const Scenario> send_scenarios() { return scenarios; }

}  // namespace troupe::conformance
