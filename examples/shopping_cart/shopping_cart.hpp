// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A cart process for each user, and the checkout, which the course leaves out: reserve all of it or
// nothing, then commit. Between the two a shop would take the money; the example order_processing
// does.
#pragma once

#include <expected>

#include "inventory.hpp"

namespace shopping_cart {

struct Cart : GenServer<Cart> {
  struct Add {
    std::string product;
    int quantity;
    using Reply = void;
  };
  struct Remove {
    std::string product;
    using Reply = void;
  };
  struct Get {
    using Reply = Items;
  };
  struct Clear {
    using Reply = void;
  };
  void handle_call(Add m) { items_[m.product] += m.quantity; }
  void handle_call(Remove m) { items_.erase(m.product); }
  Items handle_call(Get) { return items_; }
  void handle_call(Clear) { items_.clear(); }

 private:
  Items items_;
};

enum class Refused { empty_cart, out_of_stock };

inline Async<std::expected<Items, Refused>> checkout(Process& self, ServerRef<Cart> cart,
                                                     ServerRef<Inventory> inventory,
                                                     std::string order) {
  Items items = co_await call(self, cart, Cart::Get{});
  if (items.empty()) co_return std::unexpected{Refused::empty_cart};
  if (!co_await call(self, inventory, Inventory::Reserve{order, items})) {
    co_return std::unexpected{Refused::out_of_stock};
  }
  co_await call(self, inventory, Inventory::Commit{order});
  co_await call(self, cart, Cart::Clear{});
  co_return items;
}

}  // namespace shopping_cart
