// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// An order runs through services that each own their state: it reserves, charges, and commits, and
// what was reserved is given back when the payment fails, times out, or this process dies. The
// course releases twice when a payment is refused; here the one place that releases is the
// inventory's monitor of the order, unless the order is committed.
#pragma once

#include <expected>
#include <map>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace order_processing {

struct Inventory : GenServer<Inventory> {
  struct Reserve {  // for the process that asks, until it commits or ends
    std::string product;
    int quantity;
    using Reply = bool;
  };
  struct Commit {
    using Reply = bool;
  };
  struct Check {
    std::string product;
    using Reply = int;
  };

  explicit Inventory(std::map<std::string, int> stock) : stock_{std::move(stock)} {}
  void handle_call(Process& self, Reserve m, From<bool> from) {
    const Pid order = from.caller();
    const bool possible = !reserved_.contains(order) && m.quantity > 0 &&
                          stock_[m.product] >= m.quantity;  // one reservation for each order
    if (possible) {
      stock_[m.product] -= m.quantity;
      reserved_[order] = Reservation{std::move(m.product), m.quantity, self.monitor(order)};
    }
    reply(std::move(from), possible);
  }
  void handle_call(Process& self, Commit, From<bool> from) {
    const auto at = reserved_.find(from.caller());
    const bool known = at != reserved_.end();
    if (known) {
      self.demonitor(at->second.monitor, Flush::yes);
      reserved_.erase(at);
    }
    reply(std::move(from), known);
  }
  int handle_call(Check m) { return stock_[m.product]; }
  void handle_info(Down m) {  // an order that was not committed: its compensation
    const auto at = reserved_.find(m.pid);
    if (at == reserved_.end()) return;
    stock_[at->second.product] += at->second.quantity;
    reserved_.erase(at);
  }

 private:
  struct Reservation {
    std::string product;
    int quantity;
    Ref monitor;
  };
  std::map<std::string, int> stock_;
  std::map<Pid, Reservation> reserved_;
};

struct Payments : GenServer<Payments> {
  struct Charge {
    std::string customer;
    int amount;
    using Reply = bool;
  };
  explicit Payments(std::map<std::string, int> limits) : limits_{std::move(limits)} {}
  bool handle_call(Charge m) {
    if (m.customer == "the line is dead") throw std::runtime_error("payment service failed");
    int& left = limits_[m.customer];
    if (m.amount < 0 || left < m.amount) return false;
    left -= m.amount;
    return true;
  }

 private:
  std::map<std::string, int> limits_;
};

struct Order {
  std::string customer, product;
  int quantity, total;
};

// A process per order; its own end is its answer.
inline Async<> process_order(Process& self, Order order, ServerRef<Inventory> inventory,
                             ServerRef<Payments> payments) {
  const auto give_up = [&](const char* why) { self.exit(ExitReason::shutdown_with(Atom{why})); };
  if (!co_await call(self, inventory, Inventory::Reserve{order.product, order.quantity})) {
    give_up("insufficient_inventory");
  }
  const auto paid =
      co_await try_call(self, payments, Payments::Charge{order.customer, order.total});
  if (!paid) give_up("payment_unavailable");
  if (!*paid) give_up("payment_refused");
  co_await call(self, inventory, Inventory::Commit{});
}

}  // namespace order_processing
