// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The stock of a shop, in one process, so that nobody buys what another has just bought. A
// reservation remembers which products it holds, so that a release gives them back (the course's
// forgets them), and taking one twice or releasing it twice changes nothing.
#pragma once

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

}  // namespace shopping_cart
