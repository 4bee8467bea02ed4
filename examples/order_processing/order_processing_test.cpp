// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "order_processing/order_processing.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace order_processing;

struct Shop {
  ServerRef<Inventory> inventory;
  ServerRef<Payments> payments;
};
Async<Shop> open(Process& self) {
  const std::map<std::string, int> stock{{"book", 3}}, limits{{"ada", 100}, {"bob", 5}};
  Shop shop;
  shop.inventory = co_await Inventory::start(self, stock);
  shop.payments = co_await Payments::start(self, limits);
  co_return shop;
}
Async<std::string> outcome(Process& self, Shop shop, Order order) {
  spawn_monitor(process_order, order, shop.inventory, shop.payments);
  co_return (co_await self.receive<Down>()).reason.to_string();
}
Async<> expect_stock(Process& self, Shop shop, int books) {
  while (co_await call(self, shop.inventory, Inventory::Check{"book"}) != books) {
    co_await self.yield();
  }
}

TEST(OrderProcessing, a_paid_order_takes_from_the_stock) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Shop shop = co_await open(self);
    EXPECT_EQ(co_await outcome(self, shop, {"ada", "book", 2, 40}), "normal");
    co_await expect_stock(self, shop, 1);
  });
}

TEST(OrderProcessing, what_a_refused_payment_had_reserved_comes_back_once) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Shop shop = co_await open(self);
    EXPECT_EQ(co_await outcome(self, shop, {"bob", "book", 3, 20}), "{shutdown,payment_refused}");
    co_await expect_stock(self, shop, 3);
    EXPECT_EQ(co_await outcome(self, shop, {"ada", "book", 3, 20}), "normal");
  });
}

TEST(OrderProcessing, a_crash_of_the_payment_service_costs_no_stock) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Shop shop = co_await open(self);
    EXPECT_EQ(co_await outcome(self, shop, {"the line is dead", "book", 3, 20}),
              "{shutdown,payment_unavailable}");
    co_await expect_stock(self, shop, 3);
  });
}

TEST(OrderProcessing, more_than_there_is_is_refused) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Shop shop = co_await open(self);
    EXPECT_EQ(co_await outcome(self, shop, {"ada", "book", 4, 20}),
              "{shutdown,insufficient_inventory}");
    co_await expect_stock(self, shop, 3);
  });
}

}  // namespace
