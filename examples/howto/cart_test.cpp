// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What docs/howto/test-a-process.md shows.
#include "howto/cart.hpp"

#include <gtest/gtest.h>

#include <troupe/testing.hpp>

namespace {

using namespace howto;

TEST(HowToTest, a_cart_adds_up_and_tells_its_listener) {
  const auto result = testkit::everywhere([](Process& self, testkit::Context& test) -> Async<> {
    const auto cart = co_await test.start<Cart>(self.pid());
    cast(cart, Cart::Add{"apple", 2});
    cast(cart, Cart::Add{"pear", 1});
    EXPECT_EQ((co_await testkit::expect_message<CartChanged>(self)).items, 2);
    EXPECT_EQ((co_await testkit::expect_message<CartChanged>(self)).items, 3);
    EXPECT_EQ(co_await call(self, cart, Cart::Items{}), 3);
    co_await testkit::refute_message<CartChanged>(self);
  });
  EXPECT_TRUE(result) << result.text();
}

TEST(HowToTest, a_cart_that_nobody_touches_is_gone_after_half_an_hour) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto body = [](Process& self, testkit::Context&) -> Async<> {
      const auto cart = co_await Cart::start(self, self.pid());
      co_await self.sleep(29min);
      cast(cart, Cart::Add{"apple", 1});
      co_await self.sleep(29min);
      EXPECT_TRUE(co_await is_alive(self, cart.pid()));
      co_await self.sleep(2min);
      EXPECT_FALSE(co_await is_alive(self, cart.pid()));
    };
    const auto result = testkit::run_simulated(body, seed);
    EXPECT_TRUE(result) << result.text();
  }
}

TEST(HowToTest, a_cart_that_crashes_is_started_again_and_empty) {
  const testkit::CapturedLog log;
  const auto result = testkit::everywhere([](Process& self, testkit::Context& test) -> Async<> {
    co_await test.start_supervised(child<Cart>(self.pid()).named("cart"));
    const auto cart = named<Cart>("cart");
    cast(cart, Cart::Add{"apple", 2});
    const Pid before = cart.pid();
    self.monitor(before);
    cast(cart, Cart::Add{"apple", -1});
    const Down down = co_await testkit::expect_message<Down>(self);
    EXPECT_TRUE(down.reason.exception());
    co_await testkit::eventually(self, [&] { return cart.pid() && cart.pid() != before; });
    EXPECT_EQ(co_await call(self, cart, Cart::Items{}), 0);
  });
  EXPECT_TRUE(result) << result.text();
  EXPECT_GT(log.count("a cart takes one at least"), 0u);
}

}  // namespace
