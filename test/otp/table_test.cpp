// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Tables: the four kinds, who may use them, whose they become, and many at once.
#include <string>

#include <troupe/spawn.hpp>
#include <troupe/table.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;
using enum TableProtection;
using Words = Table<std::string, int>;
using Numbers = Table<int, int>;
using Ordered = OrderedTable<int, int>;

class TableTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

struct Ready {};

template <class F>
bool is_refused(F use) {
  try {
    use();
  } catch (const ErrorException& exception) {
    return exception.error()[0] == Term{atoms::badarg};
  }
  return false;
}

TEST_F(TableTest, a_set_has_one_value_per_key) {
  on_every_executor([](Process& self) -> Async<> {
    auto table = Words::create(self);
    EXPECT_EQ(table.lookup("a"), std::nullopt);
    table.insert("a", 1);
    table.insert("a", 2);
    EXPECT_FALSE(table.insert_new("a", 3));
    EXPECT_TRUE(table.insert_new("b", 3));
    EXPECT_EQ(table.lookup("a"), 2);
    EXPECT_TRUE(table.member("b"));
    EXPECT_TRUE(table.update("b", [](int& n) { n *= 2; }));
    EXPECT_FALSE(table.update("c", [](int& n) { n *= 2; }));
    EXPECT_EQ(table.take("b"), 6);
    EXPECT_EQ(table.take("b"), std::nullopt);
    EXPECT_EQ(table.erase_value("a", 7), 0u);
    EXPECT_EQ(table.erase_value("a", 2), 1u);
    EXPECT_EQ(table.erase("a"), 0u);
    table.insert("x", 1);
    table.clear();
    EXPECT_EQ(table.size(), 0u);
    co_return;
  });
}

TEST_F(TableTest, counters_begin_where_told_and_wrap_around) {
  on_every_executor([](Process& self) -> Async<> {
    auto table = Words::create(self);
    EXPECT_EQ(table.update_counter("n", 2), 2);
    EXPECT_EQ(table.update_counter("n", -5), -3);
    EXPECT_EQ(table.update_counter("m", 1, 100), 101);
    table.insert("big", std::numeric_limits<int>::max());
    EXPECT_EQ(table.update_counter("big", 1), std::numeric_limits<int>::min());
    co_return;
  });
}

TEST_F(TableTest, a_bag_has_each_value_once_and_a_duplicate_bag_as_often_as_it_was_put) {
  on_every_executor([](Process& self) -> Async<> {
    auto bag = BagTable<int, int>::create(self);
    auto duplicates = DuplicateBagTable<int, int>::create(self);
    for (const int value : {1, 2, 1}) {
      bag.insert(7, value);
      duplicates.insert(7, value);
    }
    EXPECT_EQ(bag.lookup(7), (std::vector{1, 2}));
    EXPECT_EQ(duplicates.lookup(7), (std::vector{1, 2, 1}));
    EXPECT_EQ(duplicates.size(), 3u);
    EXPECT_EQ(duplicates.erase_value(7, 1), 2u);
    EXPECT_EQ(duplicates.take(7), std::vector{2});
    EXPECT_FALSE(duplicates.member(7));
    EXPECT_EQ(bag.select_erase([](int, int value) { return value == 1; }), 1u);
    EXPECT_EQ(bag.erase(7), 1u);
    EXPECT_TRUE(bag.lookup(7).empty());
    EXPECT_EQ(bag.size() + duplicates.size(), 0u);
    co_return;
  });
}

TEST_F(TableTest, an_ordered_set_is_walked_in_order_also_past_what_is_gone) {
  on_every_executor([](Process& self) -> Async<> {
    auto table = Ordered::create(self);
    EXPECT_EQ(table.first(), std::nullopt);
    EXPECT_EQ(table.last(), std::nullopt);
    for (const int key : {5, 1, 3}) table.insert(key, key * 10);
    std::vector<int> keys;
    for (auto key = table.first(); key; key = table.next(*key)) keys.push_back(*key);
    EXPECT_EQ(keys, (std::vector{1, 3, 5}));
    EXPECT_EQ(table.last(), 5);
    EXPECT_EQ(table.prev(1), std::nullopt);
    table.erase(3);
    EXPECT_EQ(table.next(3), 5);
    EXPECT_EQ(table.prev(3), 1);
    table.insert(1, 11);
    EXPECT_EQ(table.lookup(1), 11);
    EXPECT_EQ(table.update_counter(1, 1), 12);
    EXPECT_EQ(table.size(), 2u);
    co_return;
  });
}

TEST_F(TableTest, entries_are_selected_counted_erased_and_visited) {
  on_every_executor([](Process& self) -> Async<> {
    auto table = Ordered::create(self);
    auto other = Numbers::create(self);
    for (int i = 0; i < 100; ++i) {
      table.insert(i, i % 10);
      other.insert(i, i % 10);
    }
    const auto is_three = [](const int&, const int& value) { return value == 3; };
    const auto selected = table.select(is_three);
    EXPECT_EQ(selected.size(), 10u);
    EXPECT_EQ(selected.at(1).key, 13);
    EXPECT_EQ(other.select_count(is_three), 10u);
    EXPECT_EQ(other.select_erase(is_three), 10u);
    EXPECT_EQ(table.select_erase(is_three), 10u);
    int sum = 0;
    other.for_each([&](int key, int) {
      sum += key;
      other.insert(key, 0);  // a visit may use the table
    });
    EXPECT_EQ(sum, 4950 - (3 + 93) * 5);
    EXPECT_EQ(other.size(), 90u);
    EXPECT_EQ(table.size(), 90u);
    co_return;
  });
}

TEST_F(TableTest, a_table_is_found_by_its_name_and_type) {
  on_every_executor([](Process& self) -> Async<> {
    EXPECT_FALSE(Words::whereis("visits"));
    auto table = Words::create(self, {.name = "visits"});
    table.insert("home", 1);
    EXPECT_EQ(Words::whereis("visits")->lookup("home"), 1);
    EXPECT_FALSE(Numbers::whereis("visits"));
    EXPECT_TRUE(is_refused([&] { Numbers::create(self, {.name = "visits"}); }));
    table.destroy(self);
    EXPECT_FALSE(Words::whereis("visits"));
    EXPECT_TRUE(is_refused([&] { table.size(); }));
    EXPECT_FALSE(table.owner());
    (void)Numbers::create(self, {.name = "visits"});
    co_return;
  });
}

// In another process: whether it may read, and whether it may write.
struct Access {
  bool reads;
  bool writes;
};
Async<Access> access_of_others(Process& self, Numbers table) {
  spawn(
      [](Process&, Numbers of, Pid to) {
        const bool reads = !is_refused([&] { of.member(1); });
        const bool writes = !is_refused([&] { of.insert(1, 1); });
        send(to, Access{reads, writes});
      },
      table, self.pid());
  co_return co_await self.receive<Access>();
}

TEST_F(TableTest, the_protection_says_what_others_may_do) {
  on_every_executor([](Process& self) -> Async<> {
    const struct {
      TableProtection protection;
      bool reads;
      bool writes;
    } cases[] = {{private_access, false, false},
                 {protected_access, true, false},
                 {public_access, true, true}};
    for (const auto& [protection, reads, writes] : cases) {
      auto table = Numbers::create(self, {.protection = protection});
      table.insert(1, 1);
      EXPECT_EQ(table.lookup(1), 1);
      const Access access = co_await access_of_others(self, table);
      EXPECT_EQ(access.reads, reads);
      EXPECT_EQ(access.writes, writes);
    }
  });
}

TEST_F(TableTest, it_ends_with_its_owner) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [owner, ref] = spawn_monitor(
        [](Process& p, Pid to) {
          auto table = Numbers::create(p, {.name = "T"});
          table.insert(1, 2);
          send(to, table);
        },
        self.pid());
    const auto table = co_await self.receive<Numbers>();
    co_await self.receive<Down>();
    while (table.owner() == owner) co_await self.yield();
    EXPECT_FALSE(table.owner());
    EXPECT_TRUE(is_refused([&] { table.lookup(1); }));
    EXPECT_FALSE(Numbers::whereis("T"));
  });
}

TEST_F(TableTest, an_heir_gets_it_with_what_is_in_it) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [owner, ref] = spawn_monitor(
        [](Process& p, Pid heir) {
          auto table = Numbers::create(p, {.name = "T", .heir = heir, .heir_data = atom("yours")});
          table.insert(1, 2);
          p.exit("crash");
        },
        self.pid());
    const auto transfer = co_await self.receive<TableTransfer>();
    EXPECT_EQ(transfer.from, owner);
    EXPECT_EQ(transfer.name, Atom{"T"});
    EXPECT_EQ(transfer.data, atom("yours"));
    auto table = *Numbers::whereis("T");
    EXPECT_EQ(table.owner(), self.pid());
    EXPECT_EQ(table.lookup(1), 2);
    table.insert(1, 3);
    co_await self.receive<Down>();
  });
}

TEST_F(TableTest, a_dead_heir_does_not_save_it) {
  on_every_executor([](Process& self) -> Async<> {
    const auto [heir, heir_ref] = spawn_monitor([](Process&) {});
    co_await self.receive<Down>();
    spawn([](Process& p, Pid dead) { Numbers::create(p, {.name = "T", .heir = dead}); }, heir);
    spawn([](Process& p) { Numbers::create(p, {.name = "U"}); });
    co_await self.sleep(1ms);
    while (Numbers::whereis("T") || Numbers::whereis("U")) co_await self.yield();
  });
}

TEST_F(TableTest, it_can_be_given_away_and_then_ends_with_the_new_owner) {
  on_every_executor([](Process& self) -> Async<> {
    auto table = Numbers::create(self);
    const auto [pid, ref] = spawn_monitor(
        [](Process& p, Numbers of, Pid to) -> Async<> {
          const auto transfer = co_await p.receive<TableTransfer>();
          EXPECT_EQ(transfer.from, to);
          of.insert(1, 1);
          send(to, Ready{});
          (void)co_await p.receive<Atom>();
        },
        table, self.pid());
    table.give_away(self, pid);
    EXPECT_TRUE(is_refused([&] { table.insert(2, 2); }));
    EXPECT_TRUE(is_refused([&] { table.give_away(self, pid); }));
    co_await self.receive<Ready>();
    EXPECT_EQ(table.lookup(1), 1);
    send(pid, Atom{"end"});
    while (table.owner()) co_await self.yield();
    co_await self.receive<Down>();
    auto lost = Numbers::create(self);
    lost.give_away(self, pid);  // to a dead process
    while (lost.owner()) co_await self.yield();
  });
}

TEST_F(TableTest, counts_of_many_writers_are_never_lost_and_readers_see_whole_values) {
  test::on_real_executors([](Process& self) -> Async<> {
    using Pairs = Table<int, std::pair<std::string, std::string>>;
    auto counters = Numbers::create(self, {.protection = public_access});
    auto pairs = Pairs::create(self, {.protection = public_access});
    pairs.insert(0, {"0", "0"});
    for (int writer = 0; writer < 8; ++writer) {
      spawn_link(
          [](Process& p, Numbers numbers, Pairs texts, Pid to) -> Async<> {
            for (int i = 0; i < 2'000; ++i) {
              numbers.update_counter(i % 7, 1);
              const std::string text(static_cast<std::size_t>(i % 50), 'x');
              texts.insert(0, {text, text});
              const auto seen = *texts.lookup(0);
              EXPECT_EQ(seen.first, seen.second);
              if (i % 100 == 0) co_await p.yield();
            }
            send(to, Ready{});
          },
          counters, pairs, self.pid());
    }
    for (int writer = 0; writer < 8; ++writer) co_await self.receive<Ready>();
    int total = 0;
    counters.for_each([&](int, int count) { total += count; });
    EXPECT_EQ(total, 16'000);
  });
}

TEST_F(TableTest, owners_come_and_go_under_every_schedule_and_somebody_or_nobody_has_it) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        auto table = Numbers::create(self, {.heir = self.pid()});
        for (int i = 0; i < 5; ++i) {
          const Pid owner = spawn([](Process& p) -> Async<> {
            co_await p.receive<TableTransfer>();
            co_await p.sleep(Duration{p.random() % 5'000});
          });
          table.give_away(self, owner);
          if (self.random() % 2) exit(owner, atoms::kill);
          EXPECT_EQ((co_await self.receive<TableTransfer>()).from, owner);
          table.insert(i, i);
        }
        EXPECT_EQ(table.size(), 5u);
        table.destroy(self);
      },
      100);
}

TEST_F(TableTest, a_hundred_thousand_entries_of_each_kind) {
  test::on_two_workers([](Process& self) -> Async<> {
    auto set = Numbers::create(self);
    auto ordered = Ordered::create(self);
    auto bag = BagTable<int, int>::create(self);
    for (int i = 0; i < 100'000; ++i) {
      set.insert(i, i);
      ordered.insert(99'999 - i, i);
      bag.insert(i % 1'000, i);
    }
    EXPECT_EQ(set.lookup(77'777), 77'777);
    int walked = 0;
    for (auto key = ordered.first(); key; key = ordered.next(*key)) walked += *key == walked;
    EXPECT_EQ(walked, 100'000);
    EXPECT_EQ(bag.lookup(7).size(), 100u);
    EXPECT_EQ(set.size() + ordered.size() + bag.size(), 300'000u);
    EXPECT_EQ(set.select_erase([](int key, int) { return key % 2 == 0; }), 50'000u);
    co_return;
  });
}

TEST_F(TableTest, an_heir_with_a_full_mailbox_owns_the_table_untold) {
  on_every_executor([](Process& self) -> Async<> {
    self.set_mailbox_limit(1, Overflow::reject_sender);
    send(self.pid(), atom("full"));
    spawn(
        [](Process& p, Pid heir) { Numbers::create(p, {.name = "T", .heir = heir}).insert(1, 2); },
        self.pid());
    while (!Numbers::whereis("T") || Numbers::whereis("T")->owner() != self.pid()) {
      co_await self.yield();
    }
    EXPECT_EQ(Numbers::whereis("T")->lookup(1), 2);
    EXPECT_FALSE((co_await self.receive<TableTransfer>(0ms)).has_value());
  });
}

TEST_F(TableTest, a_table_is_not_given_to_who_cannot_be_told) {
  on_every_executor([](Process& self) -> Async<> {
    auto table = Numbers::create(self);
    const Pid full = spawn([](Process& p) -> Async<> {
      p.set_mailbox_limit(1, Overflow::reject_sender);
      co_await p.receive<Atom>();
    });
    while ((co_await process_info(self, full))->mailbox_limit == 0) co_await self.yield();
    send(full, 1);
    EXPECT_THROW(table.give_away(self, full), ErrorException);
    EXPECT_EQ(table.owner(), self.pid());
    table.insert(1, 2);
    exit(full, atoms::kill);
  });
}

TEST_F(TableTest, it_says_what_it_is_as_a_term) {
  on_every_executor([](Process& self) -> Async<> {
    auto table = Table<int, int, TableKind::bag>::create(
        self, {.name = "T", .protection = TableProtection::private_access});
    table.insert(1, 1);
    table.insert(1, 2);
    const Term info = table.introspect();
    EXPECT_EQ(*info.find(Atom{"name"}), atom("T"));
    EXPECT_EQ(*info.find(Atom{"kind"}), atom("bag"));
    EXPECT_EQ(*info.find(Atom{"size"}), Term{2});
    EXPECT_EQ(*info.find(Atom{"owner"}), Term{self.pid()});
    EXPECT_EQ(*info.find(Atom{"heir"}), Term{atoms::undefined});
    EXPECT_EQ(*info.find(Atom{"protection"}), atom("private"));
    table.destroy(self);
    EXPECT_EQ(*table.introspect().find(Atom{"owner"}), Term{atoms::undefined});
    co_return;
  });
}

}  // namespace
}  // namespace troupe
