// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Locks, and who gets them when their owner is gone, in simulated schedules and virtual time:
// SESS.LOCK, and keys that a rule makes locks.
#include <gtest/gtest.h>

#include "greenroom/session_world.hpp"
#include "server/key_locks.hpp"

namespace greenroom {
namespace {

using namespace troupe;
using namespace std::chrono_literals;
using namespace test;

Async<> hand_over_when_the_owner_dies(Process& self, ServerPtr server) {
  World world{self, server};
  Words lock{"SESS.LOCK", "s", "WAIT", "60000"};
  const std::int64_t first = integer_in(co_await world(1, lock));
  world.begin_to_ask(2, lock);
  co_await world.until_waiting(1);
  world.begin_to_ask(3, lock);
  co_await world.until_waiting(2);
  co_await world.cut(1);
  const std::int64_t second = integer_in(co_await world.answer_to(2));
  EXPECT_GT(second, first) << "a token is never given twice";
  // Who waits and dies is passed over.
  Words late{"SESS.UNLOCK", "s", std::to_string(first)};
  EXPECT_EQ(co_await world(2, late), ":0\r\n") << "the lock is somebody else's by now";
  co_await world.cut(3);
  Words unlock{"SESS.UNLOCK", "s", std::to_string(second)};
  EXPECT_EQ(co_await world(2, unlock), ":1\r\n");
  Words at_once{"SESS.LOCK", "s", "WAIT", "1000"};
  (void)integer_in(co_await world(4, at_once));
}

TEST(SessionLock, goes_to_the_next_in_line_when_its_owner_dies) {
  in_every_schedule(hand_over_when_the_owner_dies);
}

Async<> first_come_first_served(Process& self, ServerPtr server) {
  World world{self, server};
  Words lock{"SESS.LOCK", "s", "WAIT", "60000", "PX", "60000"};
  std::int64_t token = integer_in(co_await world(1, lock));
  for (std::uint64_t id = 2; id <= 10; ++id) {
    world.begin_to_ask(id, lock);
    co_await world.until_waiting(id - 1);
  }
  for (std::uint64_t id = 1; id < 10; ++id) {
    Words unlock{"SESS.UNLOCK", "s", std::to_string(token)};
    EXPECT_EQ(co_await world(20, unlock), ":1\r\n") << "whoever has the token may unlock";
    token = integer_in(co_await world.answer_to(id + 1));
  }
}

TEST(SessionLock, is_served_in_the_order_of_asking) { in_every_schedule(first_come_first_served); }

Async<> limits_of_time(Process& self, ServerPtr server) {
  World world{self, server};
  Words short_lock{"SESS.LOCK", "s", "PX", "100"};
  const std::int64_t token = integer_in(co_await world(1, short_lock));
  const std::int64_t begin = world.now_ms();
  Words impatient{"SESS.LOCK", "s", "WAIT", "50"};
  Words patient{"SESS.LOCK", "s", "WAIT", "1000"};
  world.begin_to_ask(2, impatient);
  co_await world.until_waiting(1);
  world.begin_to_ask(3, patient);
  EXPECT_EQ(co_await world.answer_to(2), "$-1\r\n");
  EXPECT_LT(world.now_ms() - begin, 90);
  (void)integer_in(co_await world.answer_to(3));
  EXPECT_GE(world.now_ms() - begin, 99) << "before the owner's time was over";
  EXPECT_LT(world.now_ms() - begin, 200);
  Words late{"SESS.UNLOCK", "s", std::to_string(token)};
  EXPECT_EQ(co_await world(1, late), ":0\r\n");
  Words again{"SESS.LOCK", "s", "WAIT", "1000"};
  EXPECT_EQ(co_await world(3, again), "$-1\r\n") << "a connection does not wait for itself";
}

TEST(SessionLock, ends_with_its_time_and_waiting_for_it_with_its_own) {
  in_every_schedule(limits_of_time);
}

Async<> nothing_is_left(Process& self, ServerPtr server) {
  World world{self, server};
  Words lock{"SESS.LOCK", "s", "PX", "1000"};
  (void)integer_in(co_await world(1, lock));
  EXPECT_EQ(world.house().absent.size(), 1u) << "it has a process, and no value";
  EXPECT_EQ(world.house().sessions.size(), 0u);
  const std::int64_t begin = world.now_ms();
  while (world.house().absent.size() != 0) co_await self.sleep(10ms);
  EXPECT_LT(world.now_ms() - begin, 1'100);
}

TEST(SessionLock, of_a_session_that_is_not_there_leaves_nothing_behind) {
  in_every_schedule(nothing_is_left);
}

Async<> locks_are_counted(Process& self, ServerPtr server) {
  World world{self, server};
  const auto& bytes = world.house().counters.dataset_bytes;
  for (int i = 0; i < 100; ++i) {
    Words lock{"SESS.LOCK", "absent:" + std::to_string(i)};
    (void)integer_in(co_await world(1, lock));
  }
  EXPECT_GT(bytes, 100 * 640) << "each has a process";
  // So does what waits for a lock, commands with their values.
  const std::int64_t alone = bytes;
  world.rule("php:", "lock-wait=1s");
  Words taken{"SET", "php:a_LOCK", "x", "NX", "PX", "600000"};
  EXPECT_EQ(co_await world(2, taken), "+OK\r\n");
  Words wanted{"SET", "php:a_LOCK", std::string(100'000, 'x'), "NX", "PX", "600000"};
  world.begin_to_ask(3, wanted);
  world.begin_to_ask(4, wanted);
  Words in_line{"SESS.LOCK", "absent:0", "WAIT", "10000"};
  world.begin_to_ask(5, in_line);
  co_await world.until_waiting(3);
  EXPECT_GT(bytes, alone + 200'000);
  co_await world.cut(3);
  EXPECT_EQ(co_await world.answer_to(4), "$-1\r\n");
  EXPECT_EQ(co_await world.answer_to(5), "$-1\r\n");
  EXPECT_LT(bytes, alone + 2'000);
  // Who takes over and who does not give back alike.
  co_await world.cut(1);
  Words end{"DEL", "php:a_LOCK"};
  EXPECT_EQ(co_await world(2, end), ":1\r\n");
  while (world.house().processes != 0) co_await self.sleep(1ms);
  EXPECT_EQ(bytes, 0);
}

TEST(SessionLock, counts_for_the_limit_of_memory_with_what_waits_for_it) {
  in_every_schedule(locks_are_counted);
}

Async<> lock_keys_end_with_their_connection(Process& self, ServerPtr server) {
  World world{self, server};
  world.rule("php:", "lock-wait=1s lock-owner=connection");
  Words lock{"SET", "php:a_LOCK", "x", "NX", "PX", "600000"};
  EXPECT_EQ(co_await world(1, lock), "+OK\r\n");
  world.begin_to_ask(2, lock);
  co_await world.until_waiting(1);
  const std::int64_t begin = world.now_ms();
  co_await world.cut(1);
  EXPECT_EQ(co_await world.answer_to(2), "+OK\r\n");
  EXPECT_LT(world.now_ms() - begin, 100) << "it was handed on when its owner died";
  // A lock that was given back is nobody's: its former owner's end does not touch the next.
  Words unlock{"DEL", "php:a_LOCK"};
  EXPECT_EQ(co_await world(2, unlock), ":1\r\n");
  EXPECT_EQ(co_await world(3, lock), "+OK\r\n");
  co_await world.cut(2);
  Words look{"EXISTS", "php:a_LOCK"};
  EXPECT_EQ(co_await world(4, look), ":1\r\n");
  co_await world.cut(3);
  EXPECT_EQ(co_await world(4, look), ":0\r\n");
  // Other keys of the prefix outlive their connection, as ever.
  Words save{"SET", "php:a", "value", "NX"};
  EXPECT_EQ(co_await world(5, save), "+OK\r\n");
  co_await world.cut(5);
  Words there{"EXISTS", "php:a"};
  EXPECT_EQ(co_await world(4, there), ":1\r\n");
}

TEST(LockKey, ends_with_its_connection_where_the_rule_says_so) {
  in_every_schedule(lock_keys_end_with_their_connection);
}

// Nobody has looked at the lock since it was over, and nobody tells it so: there is no clock here.
Async<> nobody_jumps_the_line(Process& self, ServerPtr server) {
  World world{self, server};
  world.rule("php:", "lock-wait=1s");
  Words lock{"SET", "php:a_LOCK", "x", "NX", "PX", "100"};
  EXPECT_EQ(co_await world(1, lock), "+OK\r\n");
  world.begin_to_ask(2, lock);
  co_await world.until_waiting(1);
  co_await self.sleep(200ms);
  world.begin_to_ask(3, lock);
  EXPECT_EQ(co_await world.answer_to(2), "+OK\r\n");
  co_await world.until_waiting(2);
  // Who comes while the lock is given back in a transaction stands behind those who wait.
  KeyLocks locks{self, HouseRef{&world.house()}};
  std::vector<std::string> keys{storage_key(0, "php:a_LOCK")};
  const bool is_held = co_await locks.hold(std::move(keys));
  EXPECT_TRUE(is_held);
  world.begin_to_ask(4, lock);
  co_await self.sleep(10ms);
  const std::vector<std::string_view> words{"DEL", "php:a_LOCK"};
  std::string reply;
  apply_held(*find_command("DEL"), words, 0, locks.keys(), ApplyContext{.now_ms = world.now_ms()},
             reply);
  EXPECT_EQ(co_await locks.commit(), "");
  EXPECT_EQ(co_await world.answer_to(3), "+OK\r\n");
  co_await world.until_waiting(3);
  Words unlock{"DEL", "php:a_LOCK"};
  EXPECT_EQ(co_await world(3, unlock), ":1\r\n");
  EXPECT_EQ(co_await world.answer_to(4), "+OK\r\n");
}

TEST(LockKey, goes_to_nobody_who_came_later_than_those_who_wait) {
  in_every_schedule(nobody_jumps_the_line);
}

// Somebody holds the key of the lock when its owner's connection ends.
Async<> an_owner_dies_unnoticed(Process& self, ServerPtr server) {
  World world{self, server};
  world.rule("php:", "lock-wait=1s lock-owner=connection");
  Words lock{"SET", "php:a_LOCK", "x", "NX", "PX", "600000"};
  EXPECT_EQ(co_await world(1, lock), "+OK\r\n");
  {
    KeyLocks locks{self, HouseRef{&world.house()}};
    std::vector<std::string> keys{storage_key(0, "php:a_LOCK")};
    const bool is_held = co_await locks.hold(std::move(keys));
    EXPECT_TRUE(is_held);
    co_await world.cut(1);
    world.begin_to_ask(2, lock);
    co_await self.sleep(10ms);
  }
  EXPECT_EQ(co_await world.answer_to(2), "+OK\r\n");
}

TEST(LockKey, ends_with_its_connection_also_where_a_transaction_holds_it) {
  in_every_schedule(an_owner_dies_unnoticed);
}

struct Done {};

// A connection that takes a lock, has another key of it in a transaction, and ends.
Async<> take_and_change(Process& self, Pid owner, ServerPtr server, bool takes_in_transaction) {
  const HouseRef house{&server->house};
  const std::string key = "php:a_LOCK";
  Words lock{"SET", key, "x", "NX", "PX", "600000"};
  if (!takes_in_transaction) {
    const std::string taken = co_await ask(self, house, 1, lock);
    EXPECT_EQ(taken, "+OK\r\n");
  }
  {
    KeyLocks locks{self, house};
    std::vector<std::string> keys{storage_key(0, key)};
    const bool is_held = co_await locks.hold(std::move(keys));
    EXPECT_TRUE(is_held);
    Words change{"PEXPIRE", key, "900000"};
    if (takes_in_transaction) change = lock;
    const std::vector<std::string_view> words{change.begin(), change.end()};
    std::string reply;
    const ApplyContext context{.now_ms = self.system_time() / 1ms, .client = 1};
    apply_held(*find_command(words[0]), words, 0, locks.keys(), context, reply);
    EXPECT_EQ(co_await locks.commit(), "");
  }
  send(owner, Done{});
  co_await self.receive<Done>();
}

Async<> locks_of_transactions_end(Process& self, ServerPtr server) {
  World world{self, server};
  world.rule("php:", "lock-owner=connection");
  Words look{"EXISTS", "php:a_LOCK"};
  for (const bool takes_in_transaction : {false, true}) {
    const Pid client = spawn(take_and_change, self.pid(), server, bool{takes_in_transaction});
    (void)co_await self.receive<Done>();
    EXPECT_EQ(co_await world(2, look), ":1\r\n");
    const Ref down = self.monitor(client);
    send(client, Done{});
    (void)co_await self.receive(
        when([&](const Down& each) { return each.ref == down; }, [](Down) { return true; }));
    EXPECT_EQ(co_await world(2, look), ":0\r\n") << takes_in_transaction;
    Words end{"DEL", "php:a_LOCK"};
    (void)co_await world(2, end);
  }
}

TEST(LockKey, ends_with_its_connection_whatever_a_transaction_does_with_it) {
  in_every_schedule(locks_of_transactions_end);
}

}  // namespace
}  // namespace greenroom
