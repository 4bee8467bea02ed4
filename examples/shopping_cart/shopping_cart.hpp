// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A shop: a cart process for each user, and one inventory that reserves, commits and releases. A
// reservation remembers which products it holds, so that a release gives them back (the course's
// forgets them), and taking one twice or releasing it twice changes nothing.
#pragma once

#include <expected>
#include <map>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace shopping_cart {

using Items = std::map<std::string, int>;  // product: quantity

struct Inventory : GenServer<Inventory> {
  struct Check {
    std::string product;
    using Reply = int;
  };
  // All of it or nothing; false: something is not in stock.
  struct Reserve {
    std::string order;
    Items items;
    using Reply = bool;
  };
  struct Commit {  // it is sold; false: there is no such reservation
    std::string order;
    using Reply = bool;
  };
  struct Release {  // it is not; false: there is no such reservation
    std::string order;
    using Reply = bool;
  };

  explicit Inventory(Items stock) : stock_{std::move(stock)} {}

  int handle_call(Check m) { return available(m.product); }
  bool handle_call(Reserve m) {
    if (reserved_.contains(m.order)) return true;
    for (const auto& [product, quantity] : m.items) {
      if (quantity <= 0 || available(product) < quantity) return false;
    }
    for (const auto& [product, quantity] : m.items) stock_[product] -= quantity;
    reserved_[m.order] = std::move(m.items);
    return true;
  }
  bool handle_call(Commit m) { return reserved_.erase(m.order) == 1; }
  bool handle_call(Release m) {
    const auto at = reserved_.find(m.order);
    if (at == reserved_.end()) return false;
    for (const auto& [product, quantity] : at->second) stock_[product] += quantity;
    reserved_.erase(at);
    return true;
  }

 private:
  int available(const std::string& product) const {
    const auto at = stock_.find(product);
    return at == stock_.end() ? 0 : at->second;
  }
  Items stock_;
  std::map<std::string, Items> reserved_;  // by order
};

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
