// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <gtest/gtest.h>

#include "financial_services/connection_pool.hpp"
#include "financial_services/price_feed.hpp"
#include "financial_services/transaction.hpp"
#include "support/on_every_executor.hpp"

namespace {

using namespace financial_services;

std::map<std::string, int> opening(int ada) { return {{"ada", ada}, {"bob", 0}}; }

TEST(Transactions, money_is_neither_made_nor_lost) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto ledger = co_await Ledger::start_link(self, opening(100));
    int booked = 0;
    for (int i = 0; i < 20; ++i) spawn_monitor(transaction, ledger, Transfer{"ada", "bob", 9});
    for (int i = 0; i < 20; ++i) booked += (co_await self.receive<Down>()).reason.is_normal();
    EXPECT_EQ(booked, 11);
    EXPECT_EQ(co_await call(self, ledger, Ledger::Balance{"ada"}), 1);
    EXPECT_EQ(co_await call(self, ledger, Ledger::Balance{"bob"}), 99);
  });
}

TEST(Transactions, one_that_crashes_halfway_gives_back_what_it_took) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto ledger = co_await Ledger::start_link(self, opening(100));
    spawn_monitor(transaction, ledger, Transfer{"ada", "", 10});
    EXPECT_TRUE((co_await self.receive<Down>()).reason.exception());
    EXPECT_EQ(co_await call(self, ledger, Ledger::Balance{"ada"}), 100);
  });
}

TEST(Transactions, less_than_nothing_is_no_transfer) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto ledger = co_await Ledger::start_link(self, opening(100));
    spawn_monitor(transaction, ledger, Transfer{"ada", "bob", -50});
    EXPECT_EQ((co_await self.receive<Down>()).reason.to_string(), "{shutdown,refused}");
    EXPECT_EQ(co_await call(self, ledger, Ledger::Balance{"ada"}), 100);
  });
}

TEST(ConnectionPool, a_borrower_waits_until_one_comes_back) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await ConnectionPool::start_link(self, 1);
    const auto first = co_await call(self, pool, ConnectionPool::CheckOut{});
    auto second = send_request(self, pool, ConnectionPool::CheckOut{});
    EXPECT_FALSE((co_await second.response(0s)).has_value());
    cast(pool, ConnectionPool::CheckIn{first});
    EXPECT_EQ((co_await second.response()).value(), first);
  });
}

TEST(ConnectionPool, a_borrower_that_dies_gives_its_connection_back) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await ConnectionPool::start_link(self, 1);
    spawn(
        [](Process& me, ServerRef<ConnectionPool> from) -> Async<> {
          co_await call(me, from, ConnectionPool::CheckOut{});
        },
        pool);
    const auto connection = co_await call(self, pool, ConnectionPool::CheckOut{});
    EXPECT_EQ(co_await call(self, connection, Query{21}), 42);
  });
}

TEST(ConnectionPool, a_connection_that_dies_is_replaced) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await ConnectionPool::start_link(self, 1);
    const auto broken = co_await call(self, pool, ConnectionPool::CheckOut{});
    exit(broken.pid(), atoms::kill);
    const auto fresh = co_await call(self, pool, ConnectionPool::CheckOut{});
    EXPECT_NE(fresh, broken);
    EXPECT_EQ(co_await call(self, fresh, Query{1}), 2);
  });
}

TEST(PriceFeed, a_subscriber_knows_the_latest_price_and_ends_with_its_session) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto session = co_await Session::start(self, "ada");
    EXPECT_EQ(co_await call(self, session, Session::WhoAmI{}), "ada");
    const auto feed = co_await call(self, session, Session::Subscribe{});
    send(feed, Price{"TRP", 1'000});
    send(feed, Price{"TRP", 998});
    EXPECT_EQ(co_await call(self, feed, Subscriber::Latest{"TRP"}), 998);
    EXPECT_EQ(co_await call(self, feed, Subscriber::Latest{"ABC"}), std::nullopt);
    self.monitor(feed.pid());
    co_await self.sleep(31min);
    EXPECT_TRUE((co_await self.receive<Down>(1s)).has_value());
  });
}

}  // namespace
