// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Servers whose state is what their events made of it.
#include <gtest/gtest.h>
#include <string>
#include <variant>
#include <vector>

#include <troupe/event_sourced_server.hpp>
#include <troupe/request.hpp>

#include "storage/backends.hpp"
#include "storage/watched_stores.hpp"
#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe::storage::test {
namespace {

using namespace std::chrono_literals;
using troupe::test::CapturedLog;
using troupe::test::on_every_executor;
using troupe::test::on_every_seed;

const StorePool pool{"pool", 2};

struct Deposited {
  static constexpr bool as_tuple = true;
  int amount = 0;
};
struct Withdrawn {
  static constexpr bool as_tuple = true;
  int amount = 0;
};
struct Balance {
  int amount = 0;
};

struct Account : EventSourcedServer<Account, Balance, std::variant<Deposited, Withdrawn>> {
  explicit Account(std::size_t snapshot_every = 100, std::size_t keep_events = 0)
      : snapshot_every_{snapshot_every}, keep_events_{keep_events} {}
  EventLog event_log() const { return {pool, "ann", snapshot_every_, keep_events_}; }
  static void apply(Balance& balance, const Event& event) {
    if (const auto* in = std::get_if<Deposited>(&event)) balance.amount += in->amount;
    if (const auto* out = std::get_if<Withdrawn>(&event)) balance.amount -= out->amount;
  }

  struct Change {
    int amount = 0;
    using Reply = bool;
  };
  struct Ask {
    using Reply = int;
  };
  struct History {
    using Reply = std::vector<int>;
  };
  Async<bool> handle_call(Process& self, Change m) {
    const Event event = m.amount > 0 ? Event{Deposited{m.amount}} : Event{Withdrawn{-m.amount}};
    co_return (co_await commit(self, event)).has_value();
  }
  int handle_call(Ask) { return state().amount; }
  Async<std::vector<int>> handle_call(Process& self, History) {
    std::vector<int> amounts;
    auto events = co_await history(self);
    EXPECT_TRUE(succeeded(events));
    for (const Event& event : *events) {
      const auto* in = std::get_if<Deposited>(&event);
      amounts.push_back(in ? in->amount : -std::get<Withdrawn>(event).amount);
    }
    co_return amounts;
  }

  std::size_t snapshot_every_;
  std::size_t keep_events_;
};

auto stores_child() { return children(pool.child(opens(std::make_shared<WatchedStores>()))); }

// The last of {bad_state, Kind, Text}.
std::string text_of(const ExitReason& reason) {
  const Term& term = reason.term();
  return term.is_tuple(3) ? std::string{term[2].as_binary().value_or("")} : reason.to_string();
}

Async<> kill(Process& self, ServerRef<Account> server) {
  const Ref monitor = self.monitor(server.pid());
  troupe::exit(server.pid(), atoms::kill);
  while ((co_await self.receive<Down>()).ref != monitor) {
  }
}

TEST(EventSourcedServer, a_start_replays_what_was_committed) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    co_await Supervisor::start_link(self, stores_child());
    auto account = co_await Account::start_link(self);
    EXPECT_TRUE(co_await call(self, account, Account::Change{100}));
    EXPECT_TRUE(co_await call(self, account, Account::Change{-30}));
    co_await kill(self, account);
    account = co_await Account::start_link(self);
    EXPECT_EQ(co_await call(self, account, Account::Ask{}), 70);
    EXPECT_TRUE(co_await call(self, account, Account::Change{5}));
    EXPECT_EQ(co_await call(self, account, Account::History{}), (std::vector{100, -30, 5}));
    auto keys = co_await list(self, pool);
    EXPECT_EQ(*keys,
              (std::vector<std::string>{"ann/event/0000000000000001", "ann/event/0000000000000002",
                                        "ann/event/0000000000000003"}));
  });
}

TEST(EventSourcedServer, snapshots_take_the_place_of_events_but_for_those_to_keep) {
  on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    co_await Supervisor::start_link(self, stores_child());
    auto account = co_await Account::start_link(self, 5U, 2U);
    for (int i = 1; i <= 13; ++i) EXPECT_TRUE(co_await call(self, account, Account::Change{i}));
    // After the snapshot at 10 the events 9 and 10 were kept.
    EXPECT_EQ(co_await call(self, account, Account::History{}), (std::vector{9, 10, 11, 12, 13}));
    co_await kill(self, account);
    account = co_await Account::start_link(self, 5U, 2U);
    EXPECT_EQ(co_await call(self, account, Account::Ask{}), 91);
    for (int i = 14; i <= 15; ++i) EXPECT_TRUE(co_await call(self, account, Account::Change{i}));
    EXPECT_EQ(co_await call(self, account, Account::History{}), (std::vector{14, 15}));
    co_await kill(self, account);
    account = co_await Account::start_link(self, 5U, 2U);
    EXPECT_EQ(co_await call(self, account, Account::Ask{}), 120);
  });
}

TEST(EventSourcedServer, a_commit_that_fails_changes_nothing) {
  on_every_seed(
      [](Process& self) -> Async<> {
        const auto stores = std::make_shared<WatchedStores>();
        self.trap_exits();
        co_await Supervisor::start_link(self, children(pool.child(opens(stores))));
        auto account = co_await Account::start_link(self);
        EXPECT_TRUE(co_await call(self, account, Account::Change{100}));
        stores->is_full = true;
        EXPECT_FALSE(co_await call(self, account, Account::Change{50}));
        EXPECT_EQ(co_await call(self, account, Account::Ask{}), 100);
        stores->is_full = false;
        EXPECT_TRUE(co_await call(self, account, Account::Change{7}));
        co_await kill(self, account);
        account = co_await Account::start_link(self);
        EXPECT_EQ(co_await call(self, account, Account::Ask{}), 107);
      },
      5);
}

TEST(EventSourcedServer, a_missing_or_damaged_event_refuses_the_start) {
  CapturedLog log;
  on_every_seed(
      [](Process& self) -> Async<> {
        self.trap_exits();
        co_await Supervisor::start_link(self, stores_child());
        auto account = co_await Account::start_link(self);
        for (int i = 1; i <= 3; ++i) EXPECT_TRUE(co_await call(self, account, Account::Change{i}));
        co_await kill(self, account);
        const std::string second = "ann/event/0000000000000002";
        auto bytes = co_await get(self, pool, second);
        EXPECT_TRUE(succeeded(co_await remove(self, pool, second)));
        auto start = co_await Account::try_start_link(self);
        EXPECT_FALSE(start);
        EXPECT_NE(text_of(start.error().reason).find("event 2 of"), std::string::npos);
        std::string damaged = **bytes;
        damaged.back() = static_cast<char>(damaged.back() ^ 1);
        EXPECT_TRUE(succeeded(co_await put(self, pool, second, damaged)));
        EXPECT_FALSE(co_await Account::try_start_link(self));
        EXPECT_TRUE(succeeded(co_await put(self, pool, second, **bytes)));
        account = co_await Account::start_link(self);
        EXPECT_EQ(co_await call(self, account, Account::Ask{}), 6);
      },
      3);
}

// Kills server and store at random moments; what was answered must be in the state.
TEST(EventSourcedServer, no_acknowledged_event_is_lost_whatever_is_killed) {
  CapturedLog log;
  on_every_seed(
      [](Process& self) -> Async<> {
        self.trap_exits();
        co_await Supervisor::start_link(
            self,
            children(pool.child(opens(std::make_shared<WatchedStores>()), {.max_restarts = 1000})));
        int acknowledged = 0;
        int unknown = 0;
        for (int round = 0; round < 12; ++round) {
          auto started = co_await Account::try_start_link(self, 4U, 1U);
          if (!started) {
            co_await self.sleep(10ms);
            continue;
          }
          const auto account = *started;
          int balance = co_await call(self, account, Account::Ask{});
          EXPECT_GE(balance, acknowledged);
          EXPECT_LE(balance, acknowledged + unknown);
          acknowledged = balance;
          unknown = 0;
          for (int i = 0; i < 7; ++i) {
            if (self.random() % 4 == 0) {
              troupe::exit(whereis(pool.worker_name(self.random() % 2)), atoms::kill);
            }
            auto request = send_request(self, account, Account::Change{1});
            if (self.random() % 8 == 0) troupe::exit(account.pid(), atoms::kill);
            auto done = co_await request.response(infinity);
            if (!done) {
              ++unknown;
              break;
            }
            // An event that was refused may be in the store until the next commit takes its place.
            if (*done) {
              ++acknowledged;
              unknown = 0;
            } else {
              unknown = 1;
            }
          }
          co_await kill(self, account);
        }
      },
      30);
}

}  // namespace
}  // namespace troupe::storage::test
