// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "shopping_cart.hpp"

using namespace shopping_cart;

int main() {
  return run([](Process& self) -> Async<> {
    const Items stock{{"product-1", 100}, {"product-2", 1}};
    const auto inventory = co_await Inventory::start_link(self, stock);
    for (const char* who : {"ada", "bob"}) {
      const auto cart = co_await Cart::start_link(self);
      co_await call(self, cart, Cart::Add{"product-2", 1});
      const auto sold = co_await checkout(self, cart, inventory, who);
      std::printf("%s: %s\n", who, sold ? "bought the last product-2" : "it is out of stock");
    }
    std::printf("%d of product-1 are left\n",
                co_await call(self, inventory, Inventory::Check{"product-1"}));
  });
}
