// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What the program tells about its clients while they do not read, or have not said all; that who
// leaves a channel misses nothing and hears nothing late; and that a read which finds a part of the
// buffer's worth, or all of it, keeps nobody waiting.
#include <charconv>
#include <chrono>
#include <gtest/gtest.h>
#include <thread>

#include "greenroom/served.hpp"

namespace greenroom::test {
namespace {

using namespace std::chrono_literals;

class ServedClients : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = Served::greenroom({"--durability", "memory"}); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { ASSERT_NE(server_, nullptr); }

  // A field of the client's line in CLIENT LIST; -1: it is not listed.
  static std::int64_t listed(Wire& wire, std::string_view client, std::string_view field) {
    const std::string list = wire("CLIENT LIST");
    const std::size_t line = list.find(" name=" + std::string{client} + " ");
    if (line == std::string::npos) return -1;
    const std::size_t at = list.find(" " + std::string{field} + "=", line) + field.size() + 2;
    std::int64_t value = -1;
    std::from_chars(list.data() + at, list.data() + list.size(), value);
    return value;
  }

  static inline std::unique_ptr<Served> server_;
};

TEST_F(ServedClients, the_list_shows_what_has_come_of_a_request_and_then_nothing_of_it) {
  Wire watcher{server_->port()};
  Wire client{server_->port()};
  EXPECT_EQ(client("CLIENT SETNAME half"), "+OK\r\n");
  EXPECT_EQ(listed(watcher, "half", "qbuf"), 0);
  const std::int64_t idle = listed(watcher, "half", "tot-mem");
  EXPECT_GT(idle, 0);
  const std::string begun = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100000\r\n" + std::string(60'000, 'x');
  client.send(begun);
  EXPECT_TRUE(comes_true([&] {
    return listed(watcher, "half", "qbuf") == static_cast<std::int64_t>(begun.size());
  })) << listed(watcher, "half", "qbuf");
  EXPECT_GE(listed(watcher, "half", "tot-mem"), idle + 60'000);
  client.send(std::string(40'000, 'x') + "\r\n");
  EXPECT_EQ(client.read(), "+OK\r\n");
  EXPECT_EQ(listed(watcher, "half", "qbuf"), 0);
  EXPECT_LT(listed(watcher, "half", "tot-mem"), idle + 60'000);
}

TEST_F(ServedClients, the_list_shows_the_replies_that_a_client_does_not_take) {
  constexpr std::size_t bytes = 32u << 20;  // more than a socket holds
  Wire watcher{server_->port()};
  Wire client{server_->port()};
  EXPECT_EQ(client("CLIENT SETNAME slow"), "+OK\r\n");
  watcher.send("*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$" + std::to_string(bytes) + "\r\n" +
               std::string(bytes, 'x') + "\r\n");
  EXPECT_EQ(watcher.read(), "+OK\r\n");
  EXPECT_EQ(listed(watcher, "slow", "omem"), 0);
  client.send("GET large\r\n");
  EXPECT_TRUE(comes_true([&] { return listed(watcher, "slow", "omem") > 0; }));
  EXPECT_GE(listed(watcher, "slow", "tot-mem"), listed(watcher, "slow", "omem"));
  EXPECT_GT(client.read().size(), bytes);
  EXPECT_TRUE(comes_true([&] { return listed(watcher, "slow", "omem") == 0; }));
  EXPECT_LT(listed(watcher, "slow", "tot-mem"), 1 << 20);
}

TEST_F(ServedClients, who_has_said_all_is_answered_and_left) {
  Wire at_once{server_->port()};
  at_once.send("PING\r\n");
  at_once.end_sending();
  EXPECT_EQ(at_once.read(), "+PONG\r\n");
  EXPECT_EQ(at_once.read(), "(closed)");
  Wire later{server_->port()};
  EXPECT_EQ(later("PING"), "+PONG\r\n");
  later.end_sending();
  EXPECT_EQ(later.read(), "(closed)");
}

TEST_F(ServedClients, a_request_as_long_as_the_buffer_is_answered_like_any_other) {
  Wire client{server_->port()};
  // One byte less, as long as what is read at once, one more; and so long that a read stops in it.
  for (const std::size_t length : {16'383U, 16'384U, 16'385U, 65'536U}) {
    constexpr std::string_view command = "*2\r\n$4\r\nECHO\r\n";
    const std::size_t size = length - command.size() - std::string_view{"$12345\r\n\r\n"}.size();
    const std::string word = "$" + std::to_string(size) + "\r\n" + std::string(size, 'x') + "\r\n";
    ASSERT_EQ(command.size() + word.size(), length);
    client.send(std::string{command} + word);
    EXPECT_EQ(client.read(), word);
    EXPECT_EQ(client("PING"), "+PONG\r\n");
  }
}

TEST_F(ServedClients, one_connection_watches_only_so_many_keys) {
  Wire client{server_->port()};
  EXPECT_EQ(client("WATCH a b c"), "+OK\r\n");
  std::string many = "*65535\r\n$5\r\nWATCH\r\n";
  for (int i = 0; i < 65'534; ++i) many += "$1\r\nk\r\n";
  client.send(many);
  EXPECT_EQ(client.read(), "-ERR too many keys are watched by one connection\r\n");
  EXPECT_EQ(client("UNWATCH"), "+OK\r\n");
  client.send(many);
  EXPECT_EQ(client.read(), "+OK\r\n");
}

TEST_F(ServedClients, who_leaves_a_channel_is_told_before_what_was_said_on_it) {
  constexpr int messages = 10;
  Wire client{server_->port()};
  EXPECT_EQ(client("HELLO 3").front(), '%');
  EXPECT_NE(client("SUBSCRIBE news").find("subscribe"), std::string::npos);
  // More than is written at once, and no wait in between in which the rest could be.
  std::string requests = "MULTI\r\n";
  for (int i = 0; i < messages; ++i) {
    requests +=
        "*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$400000\r\n" + std::string(400'000, 'x') + "\r\n";
  }
  requests += "UNSUBSCRIBE news\r\nEXEC\r\n";
  std::thread sender{[&] { client.send(requests); }};
  EXPECT_EQ(client.read(), "+OK\r\n");
  for (int i = 0; i < messages + 1; ++i) EXPECT_EQ(client.read(), "+QUEUED\r\n");
  for (int i = 0; i < messages; ++i) {
    EXPECT_TRUE(client.read().starts_with(">3\r\n$7\r\nmessage\r\n")) << i;
  }
  EXPECT_TRUE(client.read().starts_with("*11\r\n"));
  sender.join();
  EXPECT_NE(client("SUBSCRIBE other").find("subscribe"), std::string::npos);
  EXPECT_EQ(client("PING"), "+PONG\r\n");
}

TEST_F(ServedClients, who_is_ended_while_it_waits_for_a_lock_ends_at_once_and_leaves_the_line) {
  Wire owner{server_->port()};
  Wire waiting{server_->port()};
  Wire next{server_->port()};
  const std::string token = owner("SESS.LOCK s PX 600000");
  ASSERT_EQ(token.front(), ':');
  const std::string id = waiting("CLIENT ID");
  // What is answered before the wait is not lost by it.
  waiting.send("PING\r\nSESS.LOCK s WAIT 60000\r\nGET a\r\n");
  ASSERT_TRUE(comes_true([&] { return info_number(owner, "blocked_clients") == 1; }));
  next.send("SESS.LOCK s WAIT 60000\r\n");
  ASSERT_TRUE(comes_true([&] { return info_number(owner, "blocked_clients") == 2; }));
  EXPECT_EQ(owner("CLIENT KILL ID " + id.substr(1, id.find('\r') - 1)), ":1\r\n");
  EXPECT_EQ(waiting.read(), "+PONG\r\n");
  EXPECT_EQ(waiting.read(), "(closed)");
  EXPECT_TRUE(comes_true([&] { return info_number(owner, "blocked_clients") == 1; }));
  EXPECT_EQ(owner("SESS.UNLOCK s " + token.substr(1, token.find('\r') - 1)), ":1\r\n");
  EXPECT_EQ(next.read().front(), ':');
}

}  // namespace
}  // namespace greenroom::test
