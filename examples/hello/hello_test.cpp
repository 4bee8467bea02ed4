// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "hello/hello.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

TEST(Hello, greets_takes_payments_and_shuts_down) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto [receiver, ref] = spawn_monitor(hello::receiver, self.pid());
    send(receiver, hello::Hello{"world"});
    send(receiver, hello::Payment{100});
    send(receiver, hello::Shutdown{});
    EXPECT_EQ(co_await self.receive<std::string>(), "Hello, world!");
    EXPECT_EQ(co_await self.receive<std::string>(), "paid 100");
    EXPECT_EQ(co_await self.receive<std::string>(), "Shutting down...");
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
  });
}

TEST(Hello, a_payment_of_nothing_fits_no_clause_and_stays_in_the_mailbox) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid receiver = spawn(hello::receiver, self.pid());
    send(receiver, hello::Payment{0});
    send(receiver, hello::Hello{"Ada"});
    EXPECT_EQ(co_await self.receive<std::string>(), "Hello, Ada!");
    const auto info = co_await process_info(self, receiver);
    EXPECT_TRUE(info && info->mailbox_length == 1);
  });
}

// In real time this would take its five seconds; virtual time jumps.
TEST(Hello, says_so_when_nothing_came_for_five_seconds) {
  test::on_every_seed([](Process& self) -> Async<> {
    spawn(hello::receiver, self.pid());
    const Duration start = self.monotonic_time();
    EXPECT_EQ(co_await self.receive<std::string>(), "No message received in 5 seconds");
    EXPECT_GE(self.monotonic_time() - start, Duration{5s});
  });
}

}  // namespace
