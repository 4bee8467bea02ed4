// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "bank_account/bank_account.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace bank_account;

TEST(BankAccount, deposits_and_covered_withdrawals_change_the_balance) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid ours = spawn(account, 100);
    send(ours, Deposit{50, self.pid()});
    EXPECT_EQ(co_await answer_of(self, ours), 150);
    send(ours, Withdraw{120, self.pid()});
    EXPECT_EQ(co_await answer_of(self, ours), 30);
    send(ours, Withdraw{30, self.pid()});
    EXPECT_EQ(co_await answer_of(self, ours), 0);
  });
}

TEST(BankAccount, an_uncovered_withdrawal_is_refused_and_changes_nothing) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid ours = spawn(account, 100);
    send(ours, Withdraw{101, self.pid()});
    EXPECT_EQ(co_await answer_of(self, ours), std::unexpected{Refusal::insufficient_funds});
    send(ours, GetBalance{self.pid()});
    EXPECT_EQ(co_await answer_of(self, ours), 100);
  });
}

TEST(BankAccount, nobody_deposits_or_withdraws_less_than_nothing) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid ours = spawn(account, 100);
    send(ours, Withdraw{-5, self.pid()});
    EXPECT_EQ(co_await answer_of(self, ours), std::unexpected{Refusal::bad_amount});
    send(ours, Deposit{-5, self.pid()});
    EXPECT_EQ(co_await answer_of(self, ours), std::unexpected{Refusal::bad_amount});
    send(ours, GetBalance{self.pid()});
    EXPECT_EQ(co_await answer_of(self, ours), 100);
  });
}

Async<> withdraw_one(Process& self, Pid from, int times, Pid tell) {
  int got = 0;
  for (int i = 0; i < times; ++i) {
    send(from, Withdraw{1, self.pid()});
    if (co_await answer_of(self, from)) ++got;
  }
  send(tell, got);
}

TEST(BankAccount, many_customers_together_never_get_more_than_there_is) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid ours = spawn(account, 100);
    for (int i = 0; i < 10; ++i) spawn(withdraw_one, ours, 20, self.pid());
    int total = 0;
    for (int i = 0; i < 10; ++i) total += co_await self.receive<int>();
    EXPECT_EQ(total, 100);
  });
}

}  // namespace
