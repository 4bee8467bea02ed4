// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What INFO says of a running server: who waits, and how long keys have to live.
#include <chrono>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "greenroom/served.hpp"

namespace greenroom::test {
namespace {

using namespace std::chrono_literals;

class ServedInfo : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = Served::greenroom(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { ASSERT_NE(server_, nullptr); }

  // The number behind the words; -1: they do not occur.
  static std::int64_t number_in(const std::string& text, const std::string& words) {
    const std::size_t at = text.find(words);
    return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + words.size());
  }
  static std::int64_t blocked(Wire& wire) { return info_number(wire, "blocked_clients"); }
  static std::int64_t average_ttl(Wire& wire, const std::string& database) {
    const std::string info = wire("INFO keyspace");
    const std::size_t line = info.find(database + ":keys=");
    return line == std::string::npos ? -1 : number_in(info.substr(line), "avg_ttl=");
  }

  static inline std::unique_ptr<Served> server_;
};

TEST_F(ServedInfo, who_waits_for_a_lock_or_an_event_is_counted_until_it_is_answered) {
  Wire watcher{server_->port()};
  Wire owner{server_->port()};
  Wire waiter{server_->port()};
  Wire reader{server_->port()};
  ASSERT_EQ(owner("SESS.LOCK i:a").front(), ':');
  ASSERT_EQ(owner("SESS.LOCK i:b").front(), ':');
  EXPECT_EQ(blocked(watcher), 0);
  // A client that waits for two locks is one client.
  waiter.send("SESS.LOCK i:a WAIT 60000\r\nSESS.LOCK i:b WAIT 60000\r\n");
  EXPECT_TRUE(comes_true([&] { return blocked(watcher) == 1; })) << blocked(watcher);
  reader.send("SESS.EVENTS AFTER $ MATCH i:c BLOCK 60000\r\n");
  EXPECT_TRUE(comes_true([&] { return blocked(watcher) == 2; })) << blocked(watcher);
  const std::string list = watcher("CLIENT LIST");
  EXPECT_NE(list.find(" flags=b "), std::string::npos) << list;
  EXPECT_EQ(watcher("SET i:c 1"), "+OK\r\n");
  EXPECT_EQ(reader.read().front(), '*');
  EXPECT_EQ(blocked(watcher), 1);
  // Who has both locks afterwards has been answered twice.
  owner.end_sending();
  EXPECT_EQ(waiter.read().front(), ':');
  EXPECT_EQ(waiter.read().front(), ':');
  EXPECT_EQ(blocked(watcher), 0);
  EXPECT_EQ(watcher("CLIENT LIST").find(" flags=b "), std::string::npos);
}

TEST_F(ServedInfo, who_waits_for_a_frameworks_lock_is_counted_until_its_time_is_over) {
  Wire watcher{server_->port()};
  Wire owner{server_->port()};
  Wire waiter{server_->port()};
  ASSERT_EQ(watcher("CONFIG SET prefix:i: lock-wait=1s"), "+OK\r\n");
  ASSERT_EQ(owner("SET i:_LOCK owner NX PX 600000"), "+OK\r\n");
  bool was_seen = false;
  for (int attempt = 0; attempt < 50 && !was_seen; ++attempt) {
    waiter.send("SET i:_LOCK waiter NX PX 600000\r\n");
    while (!waiter.has_more() && !was_seen) was_seen = blocked(watcher) == 1;
    EXPECT_EQ(waiter.read(), "$-1\r\n");
    EXPECT_EQ(blocked(watcher), 0);
  }
  EXPECT_TRUE(was_seen);
}

TEST_F(ServedInfo, the_average_time_to_live_is_that_of_the_keys_that_expire) {
  constexpr std::int64_t slack = 1'000'000;  // in which the test is through
  Wire wire{server_->port()};
  ASSERT_EQ(wire("SELECT 7"), "+OK\r\n");
  const auto is_about = [&](std::int64_t expected) {
    const std::int64_t average = average_ttl(wire, "db7");
    return average <= expected && average > expected - slack;
  };
  ASSERT_EQ(wire("SET for-ever x"), "+OK\r\n");
  EXPECT_EQ(average_ttl(wire, "db7"), 0);
  ASSERT_EQ(wire("SET a x PX 100000000"), "+OK\r\n");
  EXPECT_TRUE(is_about(100'000'000)) << average_ttl(wire, "db7");
  ASSERT_EQ(wire("SET b x PX 300000000"), "+OK\r\n");
  EXPECT_TRUE(is_about(200'000'000)) << average_ttl(wire, "db7");
  ASSERT_EQ(wire("PEXPIRE a 500000000"), ":1\r\n");
  EXPECT_TRUE(is_about(400'000'000)) << average_ttl(wire, "db7");
  server_->kill_and_restart();
  Wire after{server_->port()};
  const std::int64_t loaded = average_ttl(after, "db7");
  EXPECT_LE(loaded, 400'000'000);
  EXPECT_GT(loaded, 400'000'000 - slack);
  ASSERT_EQ(after("SELECT 7"), "+OK\r\n");
  ASSERT_EQ(after("DEL a"), ":1\r\n");
  EXPECT_LE(average_ttl(after, "db7"), 300'000'000);
  EXPECT_GT(average_ttl(after, "db7"), 300'000'000 - slack);
  ASSERT_EQ(after("PERSIST b"), ":1\r\n");
  EXPECT_EQ(average_ttl(after, "db7"), 0);
}

TEST_F(ServedInfo, the_program_and_the_system_are_named) {
  Wire wire{server_->port()};
  const std::string info = wire("INFO server");
  EXPECT_NE(info.find("/greenroom\r\n"), std::string::npos) << info;
  EXPECT_NE(info.find("os:Linux "), std::string::npos) << info;
}

}  // namespace
}  // namespace greenroom::test
