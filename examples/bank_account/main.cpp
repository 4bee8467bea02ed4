// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "bank_account.hpp"

using namespace bank_account;

Async<> print_answer(Process& self, Pid account) {
  const auto balance = co_await answer_of(self, account);
  if (balance) {
    std::printf("balance is %d\n", *balance);
  } else {
    std::printf("refused: %s\n",
                balance.error() == Refusal::bad_amount ? "no such amount" : "insufficient funds");
  }
}

int main() {
  return run([](Process& self) -> Async<> {
    const Pid ours = spawn(account, 100);
    send(ours, Deposit{50, self.pid()});
    co_await print_answer(self, ours);
    send(ours, Withdraw{1'000, self.pid()});
    co_await print_answer(self, ours);
    send(ours, Withdraw{-1'000, self.pid()});
    co_await print_answer(self, ours);
    send(ours, Withdraw{120, self.pid()});
    co_await print_answer(self, ours);
    send(ours, Close{});
  });
}
