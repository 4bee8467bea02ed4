// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "shopping_cart/shopping_cart.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace shopping_cart;

Async<ServerRef<Inventory>> stocked(Process& self, int how_many) {
  const Items stock{{"book", how_many}, {"pen", 1'000}};
  co_return co_await Inventory::start_link(self, stock);
}

Async<int> left(Process& self, ServerRef<Inventory> inventory) {
  co_return co_await call(self, inventory, Inventory::Check{"book"});
}

TEST(ShoppingCart, a_cart_keeps_what_is_put_in) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto cart = co_await Cart::start_link(self);
    co_await call(self, cart, Cart::Add{"book", 1});
    co_await call(self, cart, Cart::Add{"book", 2});
    co_await call(self, cart, Cart::Add{"pen", 1});
    co_await call(self, cart, Cart::Remove{"pen"});
    const Items items = co_await call(self, cart, Cart::Get{});
    EXPECT_EQ(items, (Items{{"book", 3}}));
  });
}

TEST(ShoppingCart, reserve_commit_and_release_keep_the_books) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto inventory = co_await stocked(self, 10);
    const Items four{{"book", 4}};
    EXPECT_TRUE(co_await call(self, inventory, Inventory::Reserve{"o1", four}));
    EXPECT_TRUE(co_await call(self, inventory, Inventory::Reserve{"o1", four}));  // once is enough
    EXPECT_EQ(co_await left(self, inventory), 6);
    EXPECT_TRUE(co_await call(self, inventory, Inventory::Release{"o1"}));
    EXPECT_FALSE(co_await call(self, inventory, Inventory::Release{"o1"}));
    EXPECT_EQ(co_await left(self, inventory), 10);
    EXPECT_TRUE(co_await call(self, inventory, Inventory::Reserve{"o2", four}));
    EXPECT_TRUE(co_await call(self, inventory, Inventory::Commit{"o2"}));
    EXPECT_FALSE(co_await call(self, inventory, Inventory::Release{"o2"}));
    EXPECT_EQ(co_await left(self, inventory), 6);
  });
}

TEST(ShoppingCart, of_several_products_all_are_reserved_or_none) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto inventory = co_await stocked(self, 1);
    const Items too_much{{"book", 2}, {"pen", 1}};
    EXPECT_FALSE(co_await call(self, inventory, Inventory::Reserve{"o1", too_much}));
    EXPECT_EQ(co_await call(self, inventory, Inventory::Check{"pen"}), 1'000);
  });
}

Async<> buyer(Process& self, ServerRef<Inventory> inventory, int number, Pid tell) {
  const auto cart = co_await Cart::start_link(self);
  co_await call(self, cart, Cart::Add{"book", 1});
  const auto sold = co_await checkout(self, cart, inventory, std::to_string(number));
  send(tell, sold.has_value());
}

TEST(ShoppingCart, a_thousand_buyers_at_once_never_get_more_than_there_is) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto inventory = co_await stocked(self, 100);
    for (int i = 0; i < 1'000; ++i) spawn(buyer, inventory, i, self.pid());
    int sold = 0;
    for (int i = 0; i < 1'000; ++i) sold += co_await self.receive<bool>();
    EXPECT_EQ(sold, 100);
    EXPECT_EQ(co_await left(self, inventory), 0);
  });
}

}  // namespace
