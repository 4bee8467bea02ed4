// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "calculator/calculator.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace calculator;

TEST(Calculator, adds_and_multiplies) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid pid = spawn(calculator::calculator);
    EXPECT_EQ(co_await add(self, pid, 5, 3), 8);
    EXPECT_EQ(co_await multiply(self, pid, 5, 3), 15);
  });
}

TEST(Calculator, a_result_that_nobody_asked_for_is_not_taken) {
  test::on_every_executor([](Process& self) -> Async<> {
    send(self.pid(), Result{self.make_ref(), 99});
    const Pid pid = spawn(calculator::calculator);
    EXPECT_EQ(co_await add(self, pid, 1, 1), 2);
  });
}

TEST(Calculator, a_dead_one_gives_nothing_after_five_seconds) {
  test::on_every_seed([](Process& self) -> Async<> {
    const Pid pid = spawn([](Process&) {});
    EXPECT_EQ(co_await add(self, pid, 1, 1), std::nullopt);
  });
}

}  // namespace
