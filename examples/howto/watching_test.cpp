// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "howto/watching.hpp"

#include <gtest/gtest.h>

#include "howto/cart.hpp"
#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace {

using namespace howto;

Async<> add_every_second(Process& self, ServerRef<Cart> cart) {
  for (;;) {
    cast(cart, Cart::Add{"apple", 1});
    co_await self.sleep(1s);
  }
}

TEST(HowToWatch, a_server_is_looked_into_while_it_runs) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto cart = co_await Cart::start_link(self, self.pid());
    cast(cart, Cart::Add{"apple", 2});
    EXPECT_EQ(co_await state_of(self, cart.pid()), "#{items => 2}");
    const std::string line = co_await describe(self, cart.pid());
    EXPECT_NE(line.find("Cart waits at "), line.npos) << line;
    EXPECT_TRUE(line.ends_with(" with 0 messages")) << line;
  });
}

TEST(HowToWatch, messages_are_counted_and_traced_for_a_while) {
  const test::CapturedLog log;
  test::on_every_seed([](Process& self) -> Async<> {
    const auto cart = co_await Cart::start_link(self, self.pid());
    spawn_link(add_every_second, cart);
    const auto counted = co_await count_for(self, cart.pid(), 10s);
    EXPECT_GE(counted.casts, 9u);
    EXPECT_LE(counted.casts, 11u);
    EXPECT_EQ(counted.calls, 0u);
    co_await trace_for(self, cart.pid(), 3s);
  });
  EXPECT_GT(log.count("Cart takes", "Add"), 0);
}

}  // namespace
