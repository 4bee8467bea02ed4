// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "order_processing.hpp"

using namespace order_processing;

int main() {
  return run([](Process& self) -> Async<> {
    const std::map<std::string, int> stock{{"book", 3}}, limits{{"ada", 100}, {"bob", 5}};
    const auto inventory = co_await Inventory::start_link(self, stock);
    const auto payments = co_await Payments::start_link(self, limits);
    for (const Order& order :
         {Order{"ada", "book", 2, 40}, Order{"bob", "book", 1, 20}, Order{"ada", "book", 5, 50}}) {
      spawn_monitor(process_order, order, inventory, payments);
      const Down down = co_await self.receive<Down>();
      std::printf("%s orders %d: %s\n", order.customer.c_str(), order.quantity,
                  down.reason.to_string().c_str());
    }
    while (co_await call(self, inventory, Inventory::Check{"book"}) != 1) co_await self.yield();
    std::printf("1 book is left\n");
  });
}
