// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What an answer promises: that what it reports is on disk, also where the command itself changed
// nothing; and what becomes of a session that is told something while somebody holds it.
#include <gtest/gtest.h>
#include <optional>

#include <troupe/http_client.hpp>

#include "greenroom/session_world.hpp"
#include "http/sessions_api.hpp"
#include "operation/operation.hpp"
#include "server/key_locks.hpp"

namespace greenroom {
namespace {

using namespace troupe;
using namespace std::chrono_literals;
using namespace test;

// The body is the shard's writer itself, and stores what it is sent when it likes.
void be_the_writer(Process& self, World& world) {
  const Name name{"test_writer"};
  world.house().writers = {name};
  self.register_name(name);
}

// Whether nobody answers within a minute of virtual time.
Async<bool> stays_unanswered(Process& self) {
  auto answer = co_await self.receive<Answer>(1min);
  co_return !answer;
}

Async<> no_change_waits_for_the_change_before(Process& self, ServerPtr server) {
  World world{self, server};
  be_the_writer(self, world);
  const struct {
    Words change;
    std::string changed;
    Words no_change;
    std::string unchanged;
  } cases[] = {
      {{"SADD", "k", "m"}, ":1\r\n", {"SADD", "k", "m"}, ":0\r\n"},
      {{"EXPIRE", "k", "100"}, ":1\r\n", {"EXPIRE", "k", "50", "GT"}, ":0\r\n"},
      {{"DEL", "k"}, ":1\r\n", {"DEL", "k"}, ":0\r\n"},
      {{"SET", "s", "x"}, "+OK\r\n", {"SETNX", "s", "y"}, ":0\r\n"},
      {{"SESS.DESTROY", "s"}, ":1\r\n", {"SESS.DESTROY", "s"}, ":0\r\n"},
  };
  for (const auto& each : cases) {
    world.begin_to_ask(1, each.change);
    const StoreValue first = co_await self.receive<StoreValue>();
    world.begin_to_ask(2, each.no_change);
    const bool waits = co_await stays_unanswered(self);
    EXPECT_TRUE(waits) << each.no_change[0];
    send(first.from, Stored{first.revision});
    EXPECT_EQ(co_await world.answer_to(1), each.changed) << each.change[0];
    if (!waits) continue;
    EXPECT_EQ(co_await world.answer_to(2), each.unchanged) << each.no_change[0];
  }
}

TEST(DurableAnswer, of_a_write_without_effect_waits_for_the_one_that_had_it) {
  in_every_schedule(no_change_waits_for_the_change_before);
}

Async<> a_look_does_not_wait(Process& self, ServerPtr server) {
  World world{self, server};
  be_the_writer(self, world);
  Words write{"SET", "s", "x"};
  world.begin_to_ask(1, write);
  const StoreValue value = co_await self.receive<StoreValue>();
  Words read{"GET", "s"};
  EXPECT_EQ(co_await world(2, read), "$1\r\nx\r\n");
  send(value.from, Stored{value.revision});
  EXPECT_EQ(co_await world.answer_to(1), "+OK\r\n");
}

TEST(DurableAnswer, of_a_look_waits_for_nobody) { in_every_schedule(a_look_does_not_wait); }

// DEL of two keys, of which somebody else has just deleted the one.
Async<> delete_both(Process& self, Pid owner, ServerPtr server) {
  KeyLocks locks{self, HouseRef{&server->house}};
  std::vector<std::string> keys{storage_key(0, "a"), storage_key(0, "b")};
  const bool is_held = co_await locks.hold(std::move(keys));
  EXPECT_TRUE(is_held);
  const std::vector<std::string_view> words{"DEL", "a", "b"};
  Answer answer{.client = 2, .reply = {}};
  apply_held(*find_command("DEL"), words, 0, locks.keys(), ApplyContext{}, answer.reply);
  EXPECT_EQ(co_await locks.commit(), "");
  send(owner, std::move(answer));
}

Async<> several_keys_wait_too(Process& self, ServerPtr server) {
  World world{self, server};
  be_the_writer(self, world);
  for (const char* key : {"a", "b"}) {
    Words write{"SET", key, "x"};
    world.begin_to_ask(1, write);
    const StoreValue value = co_await self.receive<StoreValue>();
    send(value.from, Stored{value.revision});
    EXPECT_EQ(co_await world.answer_to(1), "+OK\r\n");
  }
  Words end{"DEL", "a"};
  world.begin_to_ask(1, end);
  const StoreValue first = co_await self.receive<StoreValue>();
  spawn_link(delete_both, self.pid(), server);
  const StoreValue second = co_await self.receive<StoreValue>();
  EXPECT_EQ(second.key, storage_key(0, "b"));
  send(second.from, Stored{second.revision});
  const bool waits = co_await stays_unanswered(self);
  EXPECT_TRUE(waits);
  send(first.from, Stored{first.revision});
  EXPECT_EQ(co_await world.answer_to(1), ":1\r\n");
  if (waits) {
    EXPECT_EQ(co_await world.answer_to(2), ":1\r\n");
  }
}

TEST(DurableAnswer, about_several_keys_waits_for_those_that_it_did_not_change) {
  in_every_schedule(several_keys_wait_too);
}

// Asks over HTTP, and tells the status as the answer to client number 0.
Async<> ask_over_http(Process& self, Pid owner, std::uint16_t port, http::Request request) {
  request.fields.add("Authorization", "Bearer secret");
  http::Client client{"http://127.0.0.1:" + std::to_string(port), {.timeout = 1h}};
  const auto response = co_await client.send(self, std::move(request));
  send(owner, Answer{0, response ? std::to_string(response->status) : response.error().text});
}

Async<> http_waits_too(Process& self, ServerPtr server) {
  World world{self, server};
  be_the_writer(self, world);
  world.rule("dead:", "tombstone=10m");
  Config config;
  config.http.admin_password = "secret";
  Operation operation{*server.server, config};
  http::Router router;
  add_sessions_api(router, OperationPtr{&operation});
  http::ServerOptions options{.listen = {"127.0.0.1", 0}};
  const auto started = co_await http::start_link(self, options, router);
  if (!started) throw ErrorException{Term::binary("no HTTP server")};
  const std::uint16_t port = co_await http::listening_port(self, *started);
  const struct {
    Words change;  // on its way to the disk when the other one asks
    std::string method;
    std::string body;
    std::string status;
  } cases[] = {
      {{"DEL", "a"}, "DELETE", "", "404"},
      {{"DEL", "b"}, "PATCH", R"({"data":{"a":1}})", "404"},
      {{"DEL", "dead:a"}, "PUT", R"({"value":"y"})", "410"},
      {{"SET", "c", "y"}, "PATCH", R"({"data":{"a":1}})", "409"},
  };
  for (const auto& each : cases) {
    const std::string& id = each.change[1];
    Words write{"SET", id, "x"};
    world.begin_to_ask(1, write);
    const StoreValue first = co_await self.receive<StoreValue>();
    send(first.from, Stored{first.revision});
    EXPECT_EQ(co_await world.answer_to(1), "+OK\r\n");
    world.begin_to_ask(1, each.change);
    const StoreValue second = co_await self.receive<StoreValue>();
    spawn_link(ask_over_http, self.pid(), port,
               http::Request{each.method, "/v1/sessions/" + id, {}, each.body});
    const bool waits = co_await stays_unanswered(self);
    EXPECT_TRUE(waits) << each.method << " " << id;
    send(second.from, Stored{second.revision});
    (void)co_await world.answer_to(1);
    if (waits) {
      EXPECT_EQ(co_await world.answer_to(0), each.status) << each.method << " " << id;
    }
  }
  exit(*started, ExitReason{atoms::shutdown});
}

TEST(DurableAnswer, over_http_waits_too) { in_every_schedule(http_waits_too); }

struct Calendar {
  Simulation* simulation;
};

// With `relaxed`, a change is told before it is on disk, until the disk has not answered for long.
Async<> a_clock_set_back_lets_nobody_off(Process& self, ServerPtr server, Calendar calendar) {
  World world{self, server};
  be_the_writer(self, world);
  world.house().durability = storage::Durability::relaxed;
  Words write{"SET", "s", "x"};
  EXPECT_EQ(co_await world(1, write), "+OK\r\n");
  const StoreValue value = co_await self.receive<StoreValue>();
  calendar.simulation->shift_system_time(1h);
  EXPECT_EQ(co_await world(1, write), "+OK\r\n");
  calendar.simulation->shift_system_time(-2h);
  co_await self.sleep(2s);
  world.begin_to_ask(1, write);
  const bool waits = co_await stays_unanswered(self);
  EXPECT_TRUE(waits);
  send(value.from, Stored{value.revision});
  const StoreValue next = co_await self.receive<StoreValue>();
  send(next.from, Stored{next.revision});
  if (waits) {
    EXPECT_EQ(co_await world.answer_to(1), "+OK\r\n");
  }
}

TEST(RelaxedAnswer, waits_for_a_disk_that_stands_still_whatever_the_clock_says) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Server server;
    Simulation simulation{{.seed = seed}};
    auto result = simulation.runtime().try_run(a_clock_set_back_lets_nobody_off, ServerPtr{&server},
                                               Calendar{&simulation});
    EXPECT_TRUE(result.has_value()) << "seed " << seed;
  }
}

Async<> fail_next_write(Process& self) {
  const StoreValue value = co_await self.receive<StoreValue>();
  send(value.from, StoreFailed{value.revision, "no space left"});
}

Async<> a_failing_disk_is_told(Process& self, ServerPtr server) {
  World world{self, server};
  be_the_writer(self, world);
  world.house().durability = storage::Durability::relaxed;
  Words write{"SET", "s", "x"};
  EXPECT_EQ(co_await world(1, write), "+OK\r\n");
  co_await fail_next_write(self);
  EXPECT_EQ(co_await world(1, write), "+OK\r\n") << "a second is not over";
  co_await fail_next_write(self);
  co_await self.sleep(2s);
  co_await fail_next_write(self);
  world.begin_to_ask(1, write);
  co_await fail_next_write(self);
  const std::string told = co_await world.answer_to(1);
  EXPECT_TRUE(told.starts_with("-MISCONF")) << told;
  world.begin_to_ask(1, write);
  StoreValue value = co_await self.receive<StoreValue>();
  send(value.from, Stored{value.revision});
  EXPECT_EQ(co_await world.answer_to(1), "+OK\r\n");
  EXPECT_EQ(co_await world(1, write), "+OK\r\n") << "it works again";
  value = co_await self.receive<StoreValue>();
  send(value.from, Stored{value.revision});
}

TEST(RelaxedAnswer, tells_of_a_disk_that_has_failed_for_a_second) {
  in_every_schedule(a_failing_disk_is_told);
}

Async<> a_far_deadline_becomes_a_near_one(Process& self, ServerPtr server) {
  World world{self, server};
  spawn_link(expiry_clock, ExpiryClockRef{&world.house().expiry});
  // Beyond what a session that sleeps remembers of its place in the clock: 48 bits.
  Words far{"SET", "s", "x", "PXAT", std::to_string((std::int64_t{1} << 48) + 1'000)};
  EXPECT_EQ(co_await world(1, far), "+OK\r\n");
  co_await self.sleep(100ms);  // it falls asleep
  Words near{"PEXPIRE", "s", "500"};
  EXPECT_EQ(co_await world(1, near), ":1\r\n");
  co_await self.sleep(2s);
  EXPECT_EQ(world.house().sessions.size(), 0u) << "nobody has asked for it";
}

TEST(FarDeadline, that_is_brought_forward_is_kept) {
  in_every_schedule(a_far_deadline_becomes_a_near_one);
}

Async<> revoked_after_it_was_held(Process& self, ServerPtr server) {
  World world{self, server};
  world.rule("s:", "user=/user cap=2");
  const auto save = [](int i) { return Words{"SET", "s:" + std::to_string(i), R"({"user":"u"})"}; };
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(co_await world(1, save(i)), "+OK\r\n");
    co_await self.sleep(10ms);
  }
  {
    KeyLocks locks{self, HouseRef{&world.house()}};
    std::vector<std::string> keys{storage_key(0, "s:0")};
    const bool is_held = co_await locks.hold(std::move(keys));
    EXPECT_TRUE(is_held);
    EXPECT_EQ(co_await world(1, save(2)), "+OK\r\n");
    co_await self.sleep(1s);
    EXPECT_EQ(world.house().users.sessions_of("u").size(), 3u) << "nobody can end it now";
  }
  co_await self.sleep(1s);
  EXPECT_EQ(world.house().users.sessions_of("u").size(), 2u);
  Words look{"EXISTS", "s:0"};
  EXPECT_EQ(co_await world(1, look), ":0\r\n");
}

TEST(Cap, counts_for_a_session_that_is_held_as_soon_as_it_is_let_go) {
  in_every_schedule(revoked_after_it_was_held);
}

}  // namespace
}  // namespace greenroom
