// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A bank account as a process: its balance is a variable of the body, nobody else can touch it, and
// what is not allowed does not fit its clause, so a later one answers. The course's lets one
// withdraw a negative amount and deposit one, and what it does not know stays in its mailbox.
// Answers carry the account they come from, so that a client of several cannot mix them up, as the
// course's can.
#pragma once

#include <expected>

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
enum class Refusal { insufficient_funds, bad_amount };
struct Refused {
  Pid account;
  Refusal why;
};
struct Close {};

inline Async<> account(Process& self, int balance) {
  while (co_await self.receive(
      when([](const Deposit& m) { return m.amount > 0; },
           [&](Deposit m) {
             send(m.from, Balance{self.pid(), balance += m.amount});
             return true;
           }),
      when([&](const Withdraw& m) { return m.amount > 0 && m.amount <= balance; },
           [&](Withdraw m) {
             send(m.from, Balance{self.pid(), balance -= m.amount});
             return true;
           }),
      [&](Deposit m) {
        send(m.from, Refused{self.pid(), Refusal::bad_amount});
        return true;
      },
      [&](Withdraw m) {
        const bool is_bad = m.amount <= 0;
        send(m.from,
             Refused{self.pid(), is_bad ? Refusal::bad_amount : Refusal::insufficient_funds});
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

using Answer = std::expected<int, Refusal>;  // what the account has now

inline Async<Answer> answer_of(Process& self, Pid account) {
  co_return co_await self.receive(when([account](const Balance& m) { return m.account == account; },
                                       [](Balance m) { return Answer{m.amount}; }),
                                  when([account](const Refused& m) { return m.account == account; },
                                       [](Refused m) { return Answer{std::unexpected{m.why}}; }));
}

}  // namespace bank_account
