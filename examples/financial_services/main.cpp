// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "connection_pool.hpp"
#include "price_feed.hpp"
#include "transaction.hpp"

using namespace financial_services;

const char* ending(const Down& down) {
  if (down.reason.is_normal()) return "booked";
  return down.reason.exception() ? "crashed, nothing booked" : "not enough money";
}

int main() {
  return run([](Process& self) -> Async<> {
    std::map<std::string, int> opening{{"ada", 100}, {"bob", 0}};
    const auto ledger = co_await Ledger::start_link(self, opening);
    for (const Transfer& transfer :
         {Transfer{"ada", "bob", 70}, Transfer{"ada", "bob", 70}, Transfer{"ada", "", 10}}) {
      spawn_monitor(transaction, ledger, transfer);
      std::printf("transfer of %d: %s\n", transfer.amount, ending(co_await self.receive<Down>()));
    }
    std::printf("ada has %d, bob has %d\n", co_await call(self, ledger, Ledger::Balance{"ada"}),
                co_await call(self, ledger, Ledger::Balance{"bob"}));

    const auto pool = co_await ConnectionPool::start_link(self, 2);
    const auto connection = co_await call(self, pool, ConnectionPool::CheckOut{});
    std::printf("a connection answers %d\n", co_await call(self, connection, Query{21}));
    cast(pool, ConnectionPool::CheckIn{connection});

    const auto session = co_await Session::start_link(self, "ada");
    const auto feed = co_await call(self, session, Session::Subscribe{});
    for (const int cents : {1'000, 1'005, 998}) send(feed, Price{"TRP", cents});
    std::printf("TRP is at %d\n", *co_await call(self, feed, Subscriber::Latest{"TRP"}));
  });
}
