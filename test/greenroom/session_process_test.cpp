// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The processes of sessions in simulated schedules and virtual time: locks and who gets them when
// their owner is gone, the limit of memory, statistics.
#include <gtest/gtest.h>
#include <optional>

#include "greenroom/session_world.hpp"
#include "persistence/shard_writer.hpp"
#include "server/key_locks.hpp"
#include "server/memory_keeper.hpp"
#include "server/statistics.hpp"

namespace greenroom {
namespace {

using namespace troupe;
using namespace std::chrono_literals;
using namespace test;

std::int64_t token_in(const std::string& reply) {
  EXPECT_EQ(reply.substr(0, 1), ":") << reply;
  return reply.starts_with(':') ? std::stoll(reply.substr(1)) : 0;
}

Async<> hand_over_when_the_owner_dies(Process& self, ServerPtr server) {
  World world{self, server};
  Words lock{"SESS.LOCK", "s", "WAIT", "60000"};
  const std::int64_t first = token_in(co_await world(1, lock));
  world.begin_to_ask(2, lock);
  co_await world.until_waiting(1);
  world.begin_to_ask(3, lock);
  co_await world.until_waiting(2);
  co_await world.cut(1);
  const std::int64_t second = token_in(co_await world.answer_to(2));
  EXPECT_GT(second, first) << "a token is never given twice";
  // Who waits and dies is passed over.
  Words late{"SESS.UNLOCK", "s", std::to_string(first)};
  EXPECT_EQ(co_await world(2, late), ":0\r\n") << "the lock is somebody else's by now";
  co_await world.cut(3);
  Words unlock{"SESS.UNLOCK", "s", std::to_string(second)};
  EXPECT_EQ(co_await world(2, unlock), ":1\r\n");
  Words at_once{"SESS.LOCK", "s", "WAIT", "1000"};
  (void)token_in(co_await world(4, at_once));
}

TEST(SessionLock, goes_to_the_next_in_line_when_its_owner_dies) {
  in_every_schedule(hand_over_when_the_owner_dies);
}

Async<> first_come_first_served(Process& self, ServerPtr server) {
  World world{self, server};
  Words lock{"SESS.LOCK", "s", "WAIT", "60000", "PX", "60000"};
  std::int64_t token = token_in(co_await world(1, lock));
  for (std::uint64_t id = 2; id <= 10; ++id) {
    world.begin_to_ask(id, lock);
    co_await world.until_waiting(id - 1);
  }
  for (std::uint64_t id = 1; id < 10; ++id) {
    Words unlock{"SESS.UNLOCK", "s", std::to_string(token)};
    EXPECT_EQ(co_await world(20, unlock), ":1\r\n") << "whoever has the token may unlock";
    token = token_in(co_await world.answer_to(id + 1));
  }
}

TEST(SessionLock, is_served_in_the_order_of_asking) { in_every_schedule(first_come_first_served); }

Async<> limits_of_time(Process& self, ServerPtr server) {
  World world{self, server};
  Words short_lock{"SESS.LOCK", "s", "PX", "100"};
  const std::int64_t token = token_in(co_await world(1, short_lock));
  const std::int64_t begin = world.now_ms();
  Words impatient{"SESS.LOCK", "s", "WAIT", "50"};
  Words patient{"SESS.LOCK", "s", "WAIT", "1000"};
  world.begin_to_ask(2, impatient);
  co_await world.until_waiting(1);
  world.begin_to_ask(3, patient);
  EXPECT_EQ(co_await world.answer_to(2), "$-1\r\n");
  EXPECT_LT(world.now_ms() - begin, 90);
  (void)token_in(co_await world.answer_to(3));
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
  (void)token_in(co_await world(1, lock));
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
    (void)token_in(co_await world(1, lock));
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

Words save(int number, bool has_user) {
  const std::string name = "s:" + std::to_string(number);
  const std::string user = has_user ? R"("user":"u)" + std::to_string(number) + R"(",)" : "";
  return {"SET", name, "{" + user + R"("padding":")" + std::string(500, 'x') + "\"}"};
}

Async<> tombstones_are_counted(Process& self, ServerPtr server) {
  World world{self, server};
  const auto& bytes = world.house().counters.dataset_bytes;
  world.rule("t:", "tombstone=1s");
  spawn_link(expiry_clock, ExpiryClockRef{&world.house().expiry});
  for (int i = 0; i < 100; ++i) {
    Words write{"SET", "t:" + std::to_string(i), "x"};
    EXPECT_EQ(co_await world(1, write), "+OK\r\n");
    Words end{"DEL", "t:" + std::to_string(i)};
    EXPECT_EQ(co_await world(1, end), ":1\r\n");
  }
  EXPECT_GT(bytes, 100 * 320);
  const std::int64_t begin = world.now_ms();
  while (world.house().absent.size() != 0) co_await self.sleep(10ms);
  EXPECT_LT(world.now_ms() - begin, 5'000);
  EXPECT_EQ(bytes, 0);
}

TEST(MemoryLimit, counts_tombstones_as_long_as_they_stand) {
  in_every_schedule(tombstones_are_counted);
}

Async<> anonymous_go_first(Process& self, ServerPtr server) {
  World world{self, server};
  world.rule("s:", "user=/user");
  (void)co_await MemoryKeeper::start_link(self, StartOptions{.name = memory_keeper_name}, server);
  SessionHouse& house = world.house();
  for (int i = 0; i < 100; ++i) {
    const bool has_user = i % 2 == 0;
    EXPECT_EQ(co_await world(1, save(i, has_user)), "+OK\r\n");
    co_await self.sleep(1ms);
  }
  Words plain{"SET", "plain", std::string(10'000, 'x')};
  EXPECT_EQ(co_await world(1, plain), "+OK\r\n");
  // The first ones were used a moment ago.
  for (int i = 0; i < 20; ++i) {
    Words read{"GET", "s:" + std::to_string(i)};
    (void)co_await world(1, read);
  }
  const std::int64_t all = house.counters.dataset_bytes;
  EXPECT_GT(all, 100 * 500 + 10'000);
  bool has_room = co_await greenroom::has_room(self, server);
  EXPECT_TRUE(has_room) << "there is no limit";
  house.max_memory_bytes = all - 10'000;
  has_room = co_await greenroom::has_room(self, server);
  EXPECT_TRUE(has_room);
  EXPECT_LE(house.counters.dataset_bytes, all - 10'000);
  const std::uint64_t evicted = house.counters.evicted;
  EXPECT_GT(evicted, 0u);
  EXPECT_LT(evicted, 40u) << "more than was needed";
  for (int i = 0; i < 20; ++i) {
    Words look{"EXISTS", "s:" + std::to_string(i)};
    EXPECT_EQ(co_await world(1, look), ":1\r\n") << i << " is not idle";
  }
  // With room for the users alone, all others go; with less, nobody may write.
  house.max_memory_bytes = 1;
  has_room = co_await greenroom::has_room(self, server);
  EXPECT_FALSE(has_room);
  for (int i = 0; i < 100; ++i) {
    Words look{"EXISTS", "s:" + std::to_string(i)};
    EXPECT_EQ(co_await world(1, look), i % 2 == 0 ? ":1\r\n" : ":0\r\n") << i;
  }
  Words look{"EXISTS", "plain"};
  EXPECT_EQ(co_await world(1, look), ":1\r\n") << "of a plain key nothing is known";
  EXPECT_EQ(house.counters.evicted, 50u);
  for (int i = 0; i < 100; i += 2) {
    Words end{"DEL", "s:" + std::to_string(i)};
    (void)co_await world(1, end);
  }
  Words end{"DEL", "plain"};
  (void)co_await world(1, end);
  EXPECT_EQ(house.counters.dataset_bytes, 0);
  has_room = co_await greenroom::has_room(self, server);
  EXPECT_TRUE(has_room);
}

TEST(MemoryLimit, ends_the_idlest_anonymous_sessions_and_nobody_elses) {
  in_every_schedule(anonymous_go_first);
}

// Looks through all keys, of which none may go, while somebody else takes what turns it gets.
Async<> others_have_their_turn(Process& self, ServerPtr server) {
  World world{self, server};
  world.rule("s:", "user=/user");
  (void)co_await MemoryKeeper::start_link(self, StartOptions{.name = memory_keeper_name}, server);
  Words write{"SET", "plain", "x"};
  EXPECT_EQ(co_await world(1, write), "+OK\r\n");
  // Their names are enough.
  for (int i = 0; i < 10'000; ++i) {
    world.house().sessions.insert(storage_key(0, "plain:" + std::to_string(i)), self.pid());
  }
  world.house().max_memory_bytes = 1;
  spawn_link(
      [](Process& asker, Pid owner, ServerPtr of) -> Async<> {
        const bool has_room = co_await greenroom::has_room(asker, of);
        send(owner, Answer{0, has_room ? "room" : "none"});
      },
      self.pid(), server);
  int turns = 0;
  std::optional<Answer> answer;
  while (!answer) {
    ++turns;
    co_await self.yield();
    answer = co_await self.receive<Answer>(0ms);
  }
  EXPECT_EQ(answer->reply, "none");
  EXPECT_GT(turns, 30);
}

TEST(MemoryLimit, lets_others_have_their_turn_while_it_looks_for_somebody) {
  in_every_schedule(others_have_their_turn);
}

Async<> popular_sessions(Process& self, ServerPtr server) {
  World world{self, server};
  (void)co_await StatisticsServer::start_link(self, StartOptions{.name = server->house.statistics},
                                              server);
  for (const char* name : {"often", "sometimes", "rarely"}) {
    Words write{"SET", name, "x"};
    EXPECT_EQ(co_await world(1, write), "+OK\r\n");
  }
  for (int i = 0; i < 200; ++i) {
    Words read{"GET", i % 5 == 0 ? "sometimes" : "often"};
    (void)co_await world(1, read);
  }
  co_await self.sleep(1500ms);
  const StatisticsReport report = server->statistics();
  EXPECT_EQ(report.popular.size(), 2u);
  if (report.popular.size() == 2) {
    EXPECT_EQ(report.popular[0].hash, server->id_hash("often"));
    EXPECT_EQ(report.popular[0].reads, 160u);
    EXPECT_EQ(report.popular[1].reads, 32u);
  }
  EXPECT_EQ(server->house.counters.created, 3u);
  EXPECT_EQ(server->house.counters.hits, 200u);
  Words end{"DEL", "rarely"};
  (void)co_await world(1, end);
  EXPECT_EQ(server->house.counters.deleted, 1u);
}

TEST(Statistics, name_what_is_read_most_by_its_hash) { in_every_schedule(popular_sessions); }

// What became of a session, as each of those tells it who are told.
struct Told {
  std::string channel;
  SessionEvent::Kind kind{};
  std::uint64_t revoked = 0;
  std::uint64_t deleted = 0;
  std::uint64_t expired = 0;
  friend bool operator==(const Told&, const Told&) = default;
};

class Listener : public SubscriberEnd {
 public:
  void deliver(Publication publication) override { heard += *publication.payload + " "; }
  std::string heard;
};

enum class Way : std::uint8_t { command, transaction };

// Ends the session "s", `after` it was made.
Async<Told> end_session(Process& self, ServerPtr server, Way way, Words command, Duration after) {
  World world{self, server};
  SessionHouse& house = world.house();
  house.event_ring.begin(1, 100);
  auto listener = std::make_shared<Listener>();
  house.channels.subscribe("__greenroom__:revoked", 1, listener);
  const Counters& counters = house.counters;
  const Told before{{}, {}, counters.sessions_revoked, counters.deleted, counters.expired};
  Words save{"SET", "s", "value", "PX", "1000"};
  EXPECT_EQ(co_await world(1, save), "+OK\r\n");
  co_await self.sleep(after);
  if (way == Way::command) {
    (void)co_await world(1, command);
  } else {
    KeyLocks locks{self, HouseRef{&house}};
    std::vector<std::string> keys{storage_key(0, "s")};
    const bool is_held = co_await locks.hold(std::move(keys));
    EXPECT_TRUE(is_held);
    const std::vector<std::string_view> words{command.begin(), command.end()};
    std::string reply;
    apply_held(*find_command(words[0]), words, 0, locks.keys(),
               ApplyContext{.now_ms = world.now_ms()}, reply);
    EXPECT_EQ(co_await locks.commit(), "");
  }
  house.channels.unsubscribe("__greenroom__:revoked", 1);
  const auto events = house.event_ring.read(0, 100);
  EXPECT_TRUE(events && !events->events.empty());
  co_return Told{listener->heard, events->events.back().kind,
                 counters.sessions_revoked - before.revoked, counters.deleted - before.deleted,
                 counters.expired - before.expired};
}

Async<> both_ways_tell_the_same(Process& self, ServerPtr server) {
  using Kind = SessionEvent::Kind;
  const Told revoked{"s ", Kind::revoked, 1, 1, 0};
  const Told deleted{"", Kind::deleted, 0, 1, 0};
  const Told expired{"", Kind::expired, 0, 0, 1};
  Words destroy{"SESS.DESTROY", "s"};
  Words del{"DEL", "s"};
  for (const Way way : {Way::command, Way::transaction}) {
    EXPECT_EQ(co_await end_session(self, server, way, destroy, 0ms), revoked);
    EXPECT_EQ(co_await end_session(self, server, way, del, 0ms), deleted);
    EXPECT_EQ(co_await end_session(self, server, way, destroy, 1001ms), expired);
  }
}

TEST(SessionEnd, is_told_the_same_by_a_command_and_by_a_transaction) {
  in_every_schedule(both_ways_tell_the_same);
}

struct AskedForValue {};

// The writer of a shard that cannot be read.
Async<> broken_writer(Process& self, Pid owner) {
  self.register_name("broken_writer");
  for (;;) {
    const FetchValue request = co_await self.receive<FetchValue>();
    send(owner, AskedForValue{});
    send(request.from, Fetched{request.key, std::nullopt, "the disk is on fire"});
  }
}

Async<int> times_asked(Process& self) {
  int times = 0;
  while (co_await self.receive<AskedForValue>(0ms)) ++times;
  co_return times;
}

Async<> starts_fail(Process& self, ServerPtr server) {
  World world{self, server};
  SessionHouse& house = world.house();
  house.writers = {Name{"broken_writer"}};
  spawn(broken_writer, self.pid());
  while (!whereis("broken_writer")) co_await self.yield();
  // A process that has crashed leaves its entry.
  const auto [dead, down] = spawn_monitor([](Process&) -> Async<> { co_return; });
  co_await self.receive<Down>();
  house.sessions.insert(storage_key(0, "s"), dead);

  for (const char* name : {"GET", "INCR"}) {
    Words words{name, "s"};
    EXPECT_EQ(co_await world(1, words), "-ERR the session cannot be reached now\r\n");
    EXPECT_EQ(co_await times_asked(self), 3) << name;
  }
  {
    KeyLocks locks{self, HouseRef{&house}};
    std::vector<std::string> keys{storage_key(0, "s")};
    EXPECT_FALSE(co_await locks.hold(std::move(keys)));
    EXPECT_EQ(co_await times_asked(self), 3) << "EXEC";
  }
  EXPECT_FALSE(co_await watch_key(self, HouseRef{&house}, storage_key(0, "s")));
  EXPECT_EQ(co_await times_asked(self), 3) << "WATCH";
  exit(whereis("broken_writer"), ExitReason{atoms::kill});
}

TEST(SessionStart, that_fails_is_tried_a_few_times_and_then_the_client_is_told) {
  in_every_schedule(starts_fail);
}

// The process's last change has not reached the disk when it dies.
Async<> a_lost_version_is_not_given_again(Process& self, ServerPtr server) {
  World world{self, server};
  world.house().writers = {Name{"test_writer"}};
  world.house().durability = storage::Durability::relaxed;
  self.register_name(Name{"test_writer"});
  Words save{"SESS.SET", "s", "x"};
  const std::int64_t first = token_in(co_await world(1, save));
  const StoreValue stored = co_await self.receive<StoreValue>();
  send(stored.from, Stored{stored.revision});
  const std::int64_t lost = token_in(co_await world(1, save));
  EXPECT_GT(lost, first);
  exit(stored.from, ExitReason{atoms::kill});
  world.begin_to_ask(1, save);
  const FetchValue fetch = co_await self.receive<FetchValue>();
  send(fetch.from, Fetched{.value = stored.value});
  const std::int64_t next = token_in(co_await world.answer_to(1));
  EXPECT_GT(next, lost);
  Words late{"SESS.SET", "s", "y", "IF", std::to_string(lost)};
  EXPECT_EQ(co_await world(2, late), "$-1\r\n");
}

TEST(Version, that_a_crash_has_lost_is_not_given_again) {
  in_every_schedule(a_lost_version_is_not_given_again);
}

// Values of this size stay awake.
Async<> deadlines_near_and_far(Process& self, ServerPtr server) {
  World world{self, server};
  spawn_link(expiry_clock, ExpiryClockRef{&world.house().expiry});
  const std::string large(9'000, 'x');
  Words length{"STRLEN", "s"};
  // The last that there is, and some whose distance is no number of nanoseconds any more.
  for (const char* at : {"9223372036854775807", "20000000000000", "13000000000000"}) {
    Words save{"SET", "s", large, "PXAT", at};
    EXPECT_EQ(co_await world(1, save), "+OK\r\n");
    co_await self.sleep(72h);
    EXPECT_EQ(co_await world(1, length), ":9000\r\n") << at;
  }
  Words save{"SET", "s", large, "PX", std::to_string(72h / 1ms)};
  EXPECT_EQ(co_await world(1, save), "+OK\r\n");
  co_await self.sleep(72h - 1s);
  EXPECT_EQ(world.house().counters.expired.load(), 0u);
  co_await self.sleep(2s);
  EXPECT_EQ(world.house().counters.expired.load(), 1u);
}

TEST(SessionEnd, comes_at_the_deadline_however_far_off_it_is) {
  in_every_schedule(deadlines_near_and_far);
}

}  // namespace
}  // namespace greenroom
