// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The processes of sessions in simulated schedules and virtual time: the limit of memory, their
// statistics, how they begin and end. Their locks: session_lock_test.cpp.
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
  const std::int64_t first = integer_in(co_await world(1, save));
  const StoreValue stored = co_await self.receive<StoreValue>();
  send(stored.from, Stored{stored.revision});
  const std::int64_t lost = integer_in(co_await world(1, save));
  EXPECT_GT(lost, first);
  exit(stored.from, ExitReason{atoms::kill});
  world.begin_to_ask(1, save);
  const FetchValue fetch = co_await self.receive<FetchValue>();
  send(fetch.from, Fetched{.value = stored.value});
  const std::int64_t next = integer_in(co_await world.answer_to(1));
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
