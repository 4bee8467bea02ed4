// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Request and response by hand, without a GenServer: the question carries where its answer goes.
// The course's client takes the first `result` in its mailbox, whoever sent it; here it is the one
// with the request's reference, or nothing after the time limit.
#pragma once

#include <optional>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace calculator {

struct Add {
  int a, b;
  Alias reply_to;
};
struct Multiply {
  int a, b;
  Alias reply_to;
};
struct Result {
  Ref request;
  int value;
};

inline Async<> calculator(Process& self) {
  for (;;) {
    co_await self.receive([](Add m) { send(m.reply_to, Result{m.reply_to.ref, m.a + m.b}); },
                          [](Multiply m) { send(m.reply_to, Result{m.reply_to.ref, m.a * m.b}); });
  }
}

template <class Request>
Async<std::optional<int>> ask(Process& self, Pid calculator, int a, int b, Duration timeout = 5s) {
  const Alias reply_to = self.alias(AliasMode::reply);
  send(calculator, Request{a, b, reply_to});
  const auto result =
      co_await self.receive(when([&](const Result& m) { return m.request == reply_to.ref; },
                                 [](Result m) { return std::optional{m.value}; }),
                            after(timeout, [] { return std::optional<int>{}; }));
  self.unalias(reply_to);
  co_return result;
}

inline auto add(Process& self, Pid pid, int a, int b) { return ask<Add>(self, pid, a, b); }
inline auto multiply(Process& self, Pid pid, int a, int b) {
  return ask<Multiply>(self, pid, a, b);
}

}  // namespace calculator
