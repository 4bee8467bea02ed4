// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A bank account as a process: its balance is a parameter of the body, nobody else can touch it,
// and a withdrawal that is not covered does not fit its clause, so the next one answers. The
// course's account lets the balance go negative; this one cannot.
#include <cstdio>

#include <troupe/troupe.hpp>

using namespace troupe;

struct Deposit {
  int amount;
  Pid from;
};
struct Withdraw {
  int amount;
  Pid from;
};
struct Balance {
  int amount;
};
struct InsufficientFunds {};
struct Close {};

Async<> account(Process& self, int balance) {
  while (co_await self.receive(
      [&](Deposit m) {
        send(m.from, Balance{balance += m.amount});
        return true;
      },
      when([&](const Withdraw& m) { return m.amount <= balance; },
           [&](Withdraw m) {
             send(m.from, Balance{balance -= m.amount});
             return true;
           }),
      [&](Withdraw m) {
        send(m.from, InsufficientFunds{});
        return true;
      },
      [&](Close) { return false; },
      [&](Any other) {
        log::warning("account got {}", other);
        return true;
      })) {
  }
}

Async<> print_answer(Process& self) {
  co_await self.receive([](Balance m) { std::printf("balance is %d\n", m.amount); },
                        [](InsufficientFunds) { std::printf("refused\n"); });
}

int main() {
  return run([](Process& self) -> Async<> {
    const Pid ours = spawn(account, 100);
    send(ours, Deposit{50, self.pid()});
    co_await print_answer(self);
    send(ours, Withdraw{1'000, self.pid()});
    co_await print_answer(self);
    send(ours, Withdraw{120, self.pid()});
    co_await print_answer(self);
    send(ours, Close{});
  });
}
