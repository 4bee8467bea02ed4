// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The prefixes' rules in the program itself, where they need processes: locks that are waited for,
// users and their sessions, tombstones over a crash.
#include <chrono>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "greenroom/served.hpp"

namespace greenroom::test {
namespace {

class ServedRules : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = Served::greenroom(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { ASSERT_NE(server_, nullptr); }

  static void set_rule(std::string_view prefix, std::string_view words) {
    Wire wire{server_->port()};
    ASSERT_EQ(wire("CONFIG SET prefix:" + std::string{prefix} + " \"" + std::string{words} + "\""),
              "+OK\r\n");
  }

  static inline std::unique_ptr<Served> server_;
};

TEST_F(ServedRules, a_rule_is_shown_changed_and_refused) {
  Wire wire{server_->port()};
  EXPECT_EQ(wire("CONFIG SET prefix:r: \"tombstone=1m cap=3\""), "+OK\r\n");
  EXPECT_NE(wire("CONFIG GET prefix:r:").find("tombstone=1m cap=3"), std::string::npos);
  EXPECT_EQ(wire("CONFIG SET prefix:r: \"tombstone=x\"").substr(0, 4), "-ERR");
  EXPECT_EQ(wire("CONFIG SET prefix:r: \"\""), "+OK\r\n");
  EXPECT_EQ(wire("CONFIG GET prefix:r:"), "*0\r\n");
}

std::int64_t lock_waits(Wire& wire) { return info_number(wire, "greenroom_lock_waits"); }

struct HandedOn {
  bool is_early;  // somebody who waits had an answer before the lock was free
  std::string first;
  std::string holder;
  std::string second;
};

// A lock that two more ask for, one after the other, until both have had it.
HandedOn hand_on(std::uint16_t port, const std::string& lock) {
  Wire watcher{port};
  Wire owner{port};
  Wire first{port};
  Wire second{port};
  const std::int64_t before = lock_waits(watcher);
  EXPECT_EQ(owner("SET " + lock + " owner NX PX 30000"), "+OK\r\n");
  // One's own lock is refused at once.
  EXPECT_EQ(owner("SET " + lock + " again NX PX 30000"), "$-1\r\n");
  first.send("SET " + lock + " first NX PX 30000\r\n");
  while (lock_waits(watcher) < before + 1) std::this_thread::yield();
  second.send("SET " + lock + " second NX PX 30000\r\n");
  while (lock_waits(watcher) < before + 2) std::this_thread::yield();
  HandedOn done{.is_early = first.has_more()};
  EXPECT_EQ(owner("DEL " + lock), ":1\r\n");
  done.first = first.read();
  done.holder = watcher("GET " + lock);
  (void)first("DEL " + lock);
  done.second = second.read();
  return done;
}

TEST_F(ServedRules, a_lock_is_handed_on_in_the_order_of_asking) {
  set_rule("lk:", "lock-wait=1s");
  HandedOn done;
  // On a busy machine all of it may take longer than anybody waits for a lock.
  for (int attempt = 0;; ++attempt) {
    const auto begin = std::chrono::steady_clock::now();
    done = hand_on(server_->port(), "lk:" + std::to_string(attempt) + "_LOCK");
    const auto took = std::chrono::steady_clock::now() - begin;
    if (took < std::chrono::milliseconds{900} || attempt == 50) break;
  }
  EXPECT_FALSE(done.is_early);
  EXPECT_EQ(done.first, "+OK\r\n");
  EXPECT_EQ(done.holder, "$5\r\nfirst\r\n");
  EXPECT_EQ(done.second, "+OK\r\n");
  // Whose turn does not come gets null within the limit.
  Wire holder{server_->port()};
  Wire other{server_->port()};
  EXPECT_EQ(holder("SET lk:held_LOCK holder NX PX 30000"), "+OK\r\n");
  EXPECT_EQ(other("SET lk:held_LOCK other NX PX 30000"), "$-1\r\n");
}

TEST_F(ServedRules, a_users_sessions_are_listed_capped_and_revoked) {
  set_rule("u:", "tombstone=60s user=/user cap=2");
  Wire wire{server_->port()};
  Wire listener{server_->port()};
  EXPECT_NE(listener("SUBSCRIBE __greenroom__:revoked").find("subscribe"), std::string::npos);
  for (const char* name : {"1", "2", "3"})
    EXPECT_EQ(wire("SET u:" + std::string{name} + " '{\"user\":\"alice\"}' EX 100"), "+OK\r\n");
  EXPECT_NE(listener.read().find("u:1"), std::string::npos) << "the oldest of three had to go";
  EXPECT_EQ(wire("EXISTS u:1 u:2 u:3"), ":2\r\n");
  const std::string list = wire("SESS.USER.LIST alice");
  EXPECT_EQ(list.substr(0, 4), "*2\r\n") << list;
  EXPECT_EQ(wire("SESS.USER.REVOKE alice EXCEPT u:3"), ":1\r\n");
  EXPECT_EQ(wire("EXISTS u:2 u:3"), ":1\r\n");
  EXPECT_EQ(wire("SET u:2 '{\"user\":\"alice\"}'"), "+OK\r\n");
  EXPECT_EQ(wire("EXISTS u:2"), ":0\r\n") << "a revoked session came back";
  EXPECT_EQ(wire("SESS.USER.ERASE alice"), ":1\r\n");
  EXPECT_EQ(wire("SESS.USER.LIST alice"), "*0\r\n");
  const std::string key = wire("SESS.CREATE u: '{}' EX 60 USER bob");
  EXPECT_EQ(key.substr(0, 5), "$34\r\n") << key;
  EXPECT_EQ(wire("SESS.USER.LIST bob").substr(0, 4), "*1\r\n");
}

TEST_F(ServedRules, what_a_transaction_reads_and_loses_is_counted) {
  set_rule("x:", "tombstone=60s");
  Wire wire{server_->port()};
  EXPECT_EQ(wire("SET x:a 1"), "+OK\r\n");
  EXPECT_EQ(wire("SET x:b 1"), "+OK\r\n");
  EXPECT_EQ(wire("DEL x:a"), ":1\r\n");
  const std::int64_t dead = info_number(wire, "greenroom_dead_writes");
  const std::int64_t hits = info_number(wire, "keyspace_hits");
  const std::int64_t misses = info_number(wire, "keyspace_misses");
  for (const char* line : {"MULTI", "SET x:a 2", "GET x:b", "GET x:none"}) (void)wire(line);
  EXPECT_EQ(wire("EXEC"), "*3\r\n+OK\r\n$1\r\n1\r\n$-1\r\n");
  EXPECT_EQ(info_number(wire, "greenroom_dead_writes"), dead + 1);
  EXPECT_EQ(info_number(wire, "keyspace_hits"), hits + 1);
  EXPECT_EQ(info_number(wire, "keyspace_misses"), misses + 1);
  // MSET, which holds its keys as well.
  EXPECT_EQ(wire("MSET x:a 3 x:c 3"), "+OK\r\n");
  EXPECT_EQ(info_number(wire, "greenroom_dead_writes"), dead + 2);
}

TEST_F(ServedRules, all_sessions_of_a_user_are_revoked_but_one) {
  set_rule("m:", "tombstone=60s user=/user");
  Wire wire{server_->port()};
  // More than are ended at once.
  constexpr int sessions = 1'500;
  std::string writes;
  for (int i = 0; i < sessions; ++i) {
    writes += "SET m:" + std::to_string(i) + " '{\"user\":\"many\"}'\r\n";
  }
  std::thread sender{[&] { wire.send(writes); }};
  for (int i = 0; i < sessions; ++i) EXPECT_EQ(wire.read(), "+OK\r\n");
  sender.join();
  EXPECT_TRUE(wire("SESS.USER.LIST many").starts_with("*1500\r\n"));
  EXPECT_EQ(wire("SESS.USER.REVOKE many EXCEPT m:7"), ":1499\r\n");
  EXPECT_TRUE(wire("SESS.USER.LIST many").starts_with("*1\r\n*3\r\n$3\r\nm:7\r\n"));
  EXPECT_EQ(wire("EXISTS m:1499"), ":0\r\n");
  EXPECT_EQ(wire("SESS.USER.REVOKE many"), ":1\r\n");
  EXPECT_EQ(wire("SESS.USER.LIST many"), "*0\r\n");
}

TEST_F(ServedRules, a_session_that_a_transaction_revokes_is_told_to_who_listens) {
  Wire wire{server_->port()};
  Wire listener{server_->port()};
  EXPECT_NE(listener("SUBSCRIBE __greenroom__:revoked").find("subscribe"), std::string::npos);
  EXPECT_EQ(wire("SET tx:a value"), "+OK\r\n");
  EXPECT_EQ(wire("MULTI"), "+OK\r\n");
  EXPECT_EQ(wire("SESS.DESTROY tx:a"), "+QUEUED\r\n");
  EXPECT_EQ(wire("EXEC"), "*1\r\n:1\r\n");
  EXPECT_NE(listener.read().find("tx:a"), std::string::npos);
}

TEST_F(ServedRules, a_session_that_a_transaction_creates_has_an_id_of_its_own) {
  Wire wire{server_->port()};
  EXPECT_EQ(wire("MULTI"), "+OK\r\n");
  EXPECT_EQ(wire("SESS.CREATE made: one"), "+QUEUED\r\n");
  EXPECT_EQ(wire("SESS.CREATE made: two"), "+QUEUED\r\n");
  const std::string reply = wire("EXEC");
  EXPECT_EQ(reply.substr(0, 4), "*2\r\n") << reply;
  const std::size_t first = reply.find("made:");
  const std::size_t second = reply.rfind("made:");
  ASSERT_NE(first, second) << reply;
  constexpr std::size_t size = 5 + 32;
  EXPECT_EQ(wire("GET " + reply.substr(first, size)), "$3\r\none\r\n") << reply;
  EXPECT_EQ(wire("GET " + reply.substr(second, size)), "$3\r\ntwo\r\n") << reply;
}

TEST_F(ServedRules, a_renamed_session_is_its_users_only_one) {
  Wire wire{server_->port()};
  EXPECT_EQ(wire("SET plain:a value"), "+OK\r\n");
  EXPECT_EQ(wire("SESS.BIND plain:a carol"), ":1\r\n");
  EXPECT_EQ(wire("RENAME plain:a plain:b"), "+OK\r\n");
  const std::string list = wire("SESS.USER.LIST carol");
  EXPECT_EQ(list.substr(0, 4), "*1\r\n") << list;
  EXPECT_NE(list.find("plain:b"), std::string::npos) << list;
}

TEST_F(ServedRules, a_name_that_no_record_could_hold_is_refused) {
  Wire wire{server_->port()};
  const std::string name(1'025, 'n');
  EXPECT_EQ(wire("SET plain:n value"), "+OK\r\n");
  EXPECT_EQ(wire("SESS.BIND plain:n " + name).substr(0, 4), "-ERR");
  EXPECT_EQ(wire("SESS.CREATE plain: value USER " + name).substr(0, 4), "-ERR");
  EXPECT_EQ(wire("SESS.BIND plain:n " + name.substr(1)), ":1\r\n");
  server_->kill_and_restart();
  Wire after{server_->port()};
  EXPECT_EQ(after("SESS.USER.LIST " + name.substr(1)).substr(0, 4), "*1\r\n");
}

TEST_F(ServedRules, tombstones_and_users_survive_a_kill) {
  set_rule("k:", "tombstone=60s");
  {
    Wire wire{server_->port()};
    EXPECT_EQ(wire("SET k:a 1"), "+OK\r\n");
    EXPECT_EQ(wire("SESS.CREATE k: v USER eve").substr(0, 1), "$");
    EXPECT_EQ(wire("DEL k:a"), ":1\r\n");
  }
  server_->kill_and_restart();
  set_rule("k:", "tombstone=60s");
  Wire wire{server_->port()};
  EXPECT_EQ(wire("SET k:a late"), "+OK\r\n");
  EXPECT_EQ(wire("EXISTS k:a"), ":0\r\n");
  EXPECT_EQ(wire("SESS.USER.LIST eve").substr(0, 4), "*1\r\n");
}

TEST_F(ServedRules, two_hundred_clients_that_come_and_go_leave_nothing_behind) {
  Wire stays{server_->port()};
  for (int round = 0; round < 200; ++round) {
    Wire wire{server_->port()};
    wire.send("WATCH storm\r\nMULTI\r\nSUBSCRIBE storm\r\nSET storm " + std::to_string(round) +
              "\r\nEXEC\r\n");
    if (round % 2 == 0) (void)wire.read();  // The others go without a look.
  }
  Wire after{server_->port()};
  EXPECT_EQ(after("PUBSUB NUMSUB storm").substr(0, 4), "*2\r\n");
  // Nobody holds the key any more.
  EXPECT_EQ(stays("SET storm done"), "+OK\r\n");
}

}  // namespace
}  // namespace greenroom::test
