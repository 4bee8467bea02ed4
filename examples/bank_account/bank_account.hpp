// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A bank account as a process: its balance is a parameter of the body, nobody else can touch it,
// and a withdrawal that is not covered does not fit its clause, so the next one answers. Answers
// carry the account they come from, so that a client of several cannot mix them up, as the course's
// can.
#pragma once

#include <troupe/troupe.hpp>

using namespace troupe;

namespace bank_account {

struct Deposit {
  int amount;
  Pid from;
};
struct Withdraw {
  int amount;
  Pid from;
};
struct GetBalance {
  Pid from;
};
struct Balance {
  Pid account;
  int amount;
};
struct InsufficientFunds {
  Pid account;
};
struct Close {};

inline Async<> account(Process& self, int balance) {
  while (co_await self.receive(
      [&](Deposit m) {
        send(m.from, Balance{self.pid(), balance += m.amount});
        return true;
      },
      when([&](const Withdraw& m) { return m.amount <= balance; },
           [&](Withdraw m) {
             send(m.from, Balance{self.pid(), balance -= m.amount});
             return true;
           }),
      [&](Withdraw m) {
        send(m.from, InsufficientFunds{self.pid()});
        return true;
      },
      [&](GetBalance m) {
        send(m.from, Balance{self.pid(), balance});
        return true;
      },
      [&](Close) { return false; },
      [&](Any other) {
        log::warning("account got {}", other);
        return true;
      })) {
  }
}

// What the account has now, or nothing: it was not enough.
inline Async<std::optional<int>> answer_of(Process& self, Pid account) {
  co_return co_await self.receive(
      when([account](const Balance& m) { return m.account == account; },
           [](Balance m) { return std::optional{m.amount}; }),
      when([account](const InsufficientFunds& m) { return m.account == account; },
           [](InsufficientFunds) { return std::optional<int>{}; }));
}

}  // namespace bank_account
