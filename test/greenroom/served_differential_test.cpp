// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The program itself beside a real redis-server, over sockets, with several connections: what only
// happens between connections and processes. Each step sends one inline request on one connection
// and reads as many replies or messages as it says; both servers must send the same bytes. Skipped,
// saying so, where redis-server is not installed.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>

#include "greenroom/served.hpp"

namespace greenroom::test {
namespace {

struct Step {
  char connection;
  std::string line;  // Empty: only read.
  int frames = 1;
};

std::vector<std::string> play(Served& server, const std::vector<Step>& steps) {
  std::map<char, Wire> connections;
  std::vector<std::string> came;
  for (const Step& step : steps) {
    auto found = connections.find(step.connection);
    if (found == connections.end())
      found = connections.emplace(step.connection, Wire{server.port()}).first;
    if (!step.line.empty()) found->second.send(step.line + "\r\n");
    std::string shown = std::string{step.connection} + "> " + step.line + "\n";
    std::vector<std::string> frames;
    for (int i = 0; i < step.frames; ++i) frames.push_back(found->second.read());
    // Messages of different keys come from different processes, in either order.
    if (step.line.empty()) std::ranges::sort(frames);
    for (const std::string& frame : frames) shown += frame;
    came.push_back(std::move(shown));
  }
  // Nobody got more than the steps say.
  for (auto& [name, wire] : connections) {
    wire.send("QUIT\r\n");
    came.push_back(std::string{name} + " at the end: " + wire.read());
  }
  return came;
}

class ServedDifferential : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    greenroom_ = Served::greenroom({"--durability", "relaxed"});
    redis_ = Served::redis({"--save", "", "--appendonly", "no"}, reason_);
  }
  static void TearDownTestSuite() {
    greenroom_.reset();
    redis_.reset();
  }
  void SetUp() override {
    ASSERT_NE(greenroom_, nullptr);
    if (redis_ == nullptr) GTEST_SKIP() << reason_;
  }

  void compare(std::vector<Step> steps) {
    steps.insert(steps.begin(), Step{'z', "FLUSHALL"});
    const auto theirs = play(*redis_, steps);
    const auto ours = play(*greenroom_, steps);
    for (std::size_t i = 0; i < theirs.size(); ++i) ASSERT_EQ(ours[i], theirs[i]) << "step " << i;
  }

  static inline std::unique_ptr<Served> greenroom_;
  static inline std::unique_ptr<Served> redis_;
  static inline std::string reason_;
};

TEST_F(ServedDifferential, transactions_run_as_one_or_not_at_all) {
  compare({
      {'a', "EXEC"},       {'a', "DISCARD"},       {'a', "MULTI"},        {'a', "MULTI"},
      {'a', "SET x 1"},    {'a', "INCR x"},        {'a', "HSET"},         {'a', "EXEC"},
      {'a', "GET x"},      {'a', "MULTI"},         {'a', "EXEC"},         {'a', "MULTI"},
      {'a', "SET x 1"},    {'a', "INCR x"},        {'a', "GET x"},        {'a', "HSET x f 1"},
      {'a', "MGET x y z"}, {'a', "MSET y 1 z 2"},  {'a', "EXISTS x y z"}, {'a', "PING"},
      {'a', "SELECT 3"},   {'a', "SET x 3"},       {'a', "RENAME x w"},   {'a', "SELECT 0"},
      {'a', "DEL y z"},    {'a', "UNLINK nosuch"}, {'b', "GET x"},        {'a', "EXEC"},
      {'a', "GET x"},      {'a', "EXISTS y z"},    {'a', "MULTI"},        {'a', "SET x 9"},
      {'a', "DISCARD"},    {'a', "GET x"},         {'a', "MULTI"},        {'a', "SET x"},
      {'a', "SET x 5"},    {'a', "EXEC"},          {'a', "GET x"},        {'a', "MULTI"},
      {'a', "SET x 7"},    {'a', "RESET"},         {'a', "EXEC"},         {'a', "GET x"},
      {'a', "MULTI"},      {'a', "SHUTDOWN"},      {'a', "EXEC"},         {'a', "MULTI"},
      {'a', "WATCH x"},    {'a', "EXEC"},
  });
}

TEST_F(ServedDifferential, an_exec_that_cannot_be_ends_the_transaction) {
  compare({
      {'a', "EXEC now"},
      {'a', "WATCH k"},
      {'a', "MULTI"},
      {'a', "SET k 1"},
      {'a', "EXEC now"},
      {'a', "EXEC"},
      {'a', "GET k"},
      // It has forgotten what it watched, too.
      {'a', "WATCH k"},
      {'a', "MULTI"},
      {'a', "EXEC now please"},
      {'b', "SET k 2"},
      {'a', "MULTI"},
      {'a', "SET k 3"},
      {'a', "EXEC"},
      {'a', "GET k"},
  });
}

TEST_F(ServedDifferential, keys_without_their_values_fail_alone_in_a_transaction) {
  compare({
      {'a', "MSET a 1 b"},
      {'a', "MSETNX a 1 b"},
      {'a', "MULTI"},
      {'a', "MSET a 1 b"},
      {'a', "MSETNX a 1 b"},
      {'a', "SET c 1"},
      {'a', "EXEC"},
      {'a', "MGET a b c"},
  });
}

TEST_F(ServedDifferential, a_deadline_that_is_set_to_what_it_was_counts_as_a_change) {
  compare({
      {'a', "SET k 1 EXAT 9999999999"},
      {'a', "WATCH k"},
      {'b', "EXPIREAT k 9999999999"},
      {'a', "MULTI"},
      {'a', "GET k"},
      {'a', "EXEC"},
      {'a', "WATCH k"},
      {'b', "GETEX k EXAT 9999999999"},
      {'a', "MULTI"},
      {'a', "GET k"},
      {'a', "EXEC"},
  });
}

TEST_F(ServedDifferential, a_watched_key_that_was_touched_stops_the_transaction) {
  compare({
      {'a', "WATCH"},
      {'a', "SET k 1"},
      {'a', "WATCH k"},
      {'b', "SET k 2"},
      {'a', "MULTI"},
      {'a', "SET k 3"},
      {'a', "EXEC"},
      {'a', "GET k"},
      {'a', "MULTI"},
      {'a', "SET k 3"},
      {'a', "EXEC"},
      {'a', "GET k"},
      // A key that did not exist, and came and went again.
      {'a', "WATCH none"},
      {'b', "SET none 1"},
      {'b', "DEL none"},
      {'a', "MULTI"},
      {'a', "SET k 4"},
      {'a', "EXEC"},
      {'a', "WATCH none"},
      {'b', "GET none"},
      {'b', "DEL none"},
      {'a', "MULTI"},
      {'a', "SET k 4"},
      {'a', "EXEC"},
      // One's own change counts too.
      {'a', "WATCH k"},
      {'a', "SET k 5"},
      {'a', "MULTI"},
      {'a', "PING"},
      {'a', "EXEC"},
      {'a', "WATCH k"},
      {'b', "SET k 6"},
      {'a', "UNWATCH"},
      {'a', "MULTI"},
      {'a', "GET k"},
      {'a', "EXEC"},
      {'a', "WATCH k"},
      {'b', "SET k 6"},
      {'a', "MULTI"},
      {'a', "DISCARD"},
      {'a', "MULTI"},
      {'a', "GET k"},
      {'a', "EXEC"},
      {'a', "WATCH k other"},
      {'b', "EXPIRE k 100"},
      {'a', "MULTI"},
      {'a', "GET k"},
      {'a', "EXEC"},
      {'a', "CLIENT REPLY SKIP", 0},
      {'a', "HELLO 3", 0},
      {'a', "WATCH k"},
      {'b', "RENAME k l"},
      {'a', "MULTI"},
      {'a', "GET k"},
      {'a', "EXEC"},
  });
}

TEST_F(ServedDifferential, commands_on_two_keys_answer_and_fail_as_in_redis) {
  compare({
      {'a', "RENAME none x"},
      {'a', "RENAME none none"},
      {'a', "SET a 1 EXAT 9999999999"},
      {'a', "RENAME a a"},
      {'a', "RENAMENX a a"},
      {'a', "RENAME a b"},
      {'a', "EXISTS a"},
      {'a', "EXPIRETIME b"},
      {'a', "SET c 2"},
      {'a', "RENAMENX b c"},
      {'a', "RENAMENX b d"},
      {'a', "GET d"},
      {'a', "RENAME d c"},
      {'a', "GET c"},
      {'a', "HSET h f v"},
      {'a', "RENAME h c"},
      {'a', "HGETALL c"},
      {'a', "RENAME"},
      {'a', "RENAME a"},
      {'a', "RENAMENX none x"},
      {'a', "COPY none x"},
      {'a', "COPY c c"},
      {'a', "COPY c e"},
      {'a', "COPY c e"},
      {'a', "COPY c e REPLACE"},
      {'a', "COPY c e DB 99"},
      {'a', "COPY c e DB x"},
      {'a', "COPY c e FOO"},
      {'a', "COPY c e DB"},
      {'a', "COPY c c DB 2"},
      {'a', "SELECT 2"},
      {'a', "HGETALL c"},
      {'a', "SELECT 0"},
      {'a', "COPY c e DB 2 REPLACE"},
      {'a', "MSETNX m 1 n 2"},
      {'a', "MSETNX n 3 o 4"},
      {'a', "EXISTS o"},
      {'a', "MSETNX m"},
      {'a', "MSETNX m 1 n"},
      {'a', "MSETNX p 1 p 2"},
      {'a', "GET p"},
      {'a', "MSET q 1 q 2"},
      {'a', "GET q"},
      {'a', "DEL q q none"},
      {'a', "UNLINK m n"},
      {'a', "MGET m n c p"},
      {'a', "EXISTS c c none"},
      {'a', "TOUCH c none"},
  });
}

TEST_F(ServedDifferential, channels_deliver_and_answer_as_in_redis) {
  compare({
      {'s', "SUBSCRIBE one two one", 3},
      {'s', "PSUBSCRIBE t* [ab]?", 2},
      {'p', "PUBLISH one hello"},
      {'s', ""},
      {'p', "PUBLISH two x"},
      {'s', "", 2},
      {'p', "PUBLISH ax x"},
      {'s', ""},
      {'p', "PUBLISH nobody x"},
      {'p', "PUBLISH one"},
      {'p', "PUBSUB CHANNELS o*"},
      {'p', "PUBSUB NUMSUB one none"},
      {'p', "PUBSUB NUMSUB"},
      {'p', "PUBSUB NUMPAT"},
      {'p', "PUBSUB FOO"},
      {'s', "GET x"},
      {'s', "MULTI"},
      {'s', "PUBLISH one x"},
      {'s', "PING"},
      {'s', "PING x"},
      {'s', "UNSUBSCRIBE one"},
      {'s', "UNSUBSCRIBE none"},
      {'s', "UNSUBSCRIBE"},
      {'s', "UNSUBSCRIBE"},
      {'s', "PUNSUBSCRIBE t*"},
      {'s', "PUNSUBSCRIBE"},
      {'s', "PUNSUBSCRIBE"},
      {'s', "PING"},
      {'s', "GET x"},
      {'s', "SUBSCRIBE one"},
      {'s', "RESET"},
      {'p', "PUBLISH one x"},
      {'s', "GET x"},
      // RESP3: everything may be mixed.
      {'t', "CLIENT REPLY SKIP", 0},
      {'t', "HELLO 3", 0},
      {'t', "SUBSCRIBE one"},
      {'t', "GET x"},
      {'t', "PING"},
      {'t', "PUBLISH one self", 2},
      {'p', "PUBLISH one hello"},
      {'t', ""},
      {'t', "MULTI"},
      {'t', "SET x 1"},
      {'t', "EXEC"},
      {'t', "PUBSUB NUMSUB one"},
      {'t', "UNSUBSCRIBE", 1},
      {'t', "UNSUBSCRIBE", 1},
  });
}

TEST_F(ServedDifferential, channels_and_transactions_mix_as_in_redis) {
  compare({
      {'s', "MULTI"},
      {'s', "SET mix 1"},
      {'s', "SUBSCRIBE mixed"},
      {'s', "UNSUBSCRIBE none"},
      {'s', "EXEC"},
      {'p', "PUBLISH mixed hello"},
      {'s', ""},
      // Whoever listens, and speaks RESP2, may not begin another one.
      {'s', "MULTI"},
      {'s', "GET mix"},
      {'s', "EXEC"},
      {'s', "DISCARD"},
      {'s', "WATCH mix"},
      {'s', "UNSUBSCRIBE"},
      {'s', "GET mix"},
      {'s', "MULTI"},
      {'s', "PSUBSCRIBE m*"},
      {'s', "NOSUCH"},
      {'s', "EXEC"},
      // It was not carried out.
      {'s', "GET mix"},
      {'p', "PUBLISH mixed nobody"},
      {'s', "MULTI"},
      {'s', "SUBSCRIBE"},
      {'s', "SUBSCRIBE mixed"},
      {'s', "DISCARD"},
      {'p', "PUBLISH mixed nobody"},
      // RESP3: everything may be mixed.
      {'t', "CLIENT REPLY SKIP", 0},
      {'t', "HELLO 3", 0},
      {'t', "SUBSCRIBE mixed"},
      {'t', "MULTI"},
      {'t', "GET mix"},
      {'p', "PUBLISH mixed between"},
      {'t', ""},
      {'t', "EXEC"},
      {'t', "UNSUBSCRIBE mixed"},
  });
}

TEST_F(ServedDifferential, commands_for_administrators_fail_as_in_redis) {
  compare({
      {'a', "CONFIG SET maxmemory 0 nosuch"},
      {'a', "CONFIG SET maxmemory"},
      {'a', "CONFIG SET maxmemory 0 nosuch 1"},
      {'a', "CONFIG SET maxmemory 0 MAXMEMORY 0"},
      {'a', "CONFIG SET maxmemory many"},
      {'a', "CONFIG SET maxmemory 0"},
      {'a', "PUBSUB channels a b"},
      {'a', "PUBSUB NUMPAT x"},
      {'a', "LATENCY HISTORY"},
      {'a', "LATENCY HISTORY command"},
      {'a', "LATENCY HISTOGRAM nosuch"},
      {'b', "LATENCY HISTORY command"},
      {'b', "LATENCY HISTOGRAM nosuch"},
      {'a', "MEMORY DOCTOR x"},
      {'a', "SLOWLOG get 1 2"},
      {'a', "SLOWLOG GET x"},
      {'a', "ACL LIST"},
      {'a', "ACL LIST x"},
      {'a', "ACL GETUSER"},
      {'a', "ACL GETUSER default"},
      {'a', "ACL GETUSER nobody"},
      {'b', "CLIENT REPLY SKIP", 0},
      {'b', "HELLO 3", 0},
      {'b', "ACL GETUSER default"},
      {'b', "ACL GETUSER nobody"},
      {'a', "ACL cat read write"},
      {'a', "ACL CAT nosuch"},
  });
}

TEST_F(ServedDifferential, keyspace_events_are_those_of_redis) {
  compare({
      {'p', "CONFIG SET notify-keyspace-events KEA"},
      {'p', "CONFIG GET notify-keyspace-events"},
      {'p', "CONFIG SET notify-keyspace-events KEAn"},
      {'s', "PSUBSCRIBE __key*"},
      {'p', "SET a 1"},
      {'s', "", 4},
      {'p', "SET a 1 EX 100"},
      {'s', "", 4},
      {'p', "SETEX a 100 1"},
      {'s', "", 4},
      {'p', "GETEX a PERSIST"},
      {'s', "", 2},
      {'p', "GETEX a EX 100"},
      {'s', "", 2},
      {'p', "APPEND a 1"},
      {'s', "", 2},
      {'p', "INCRBY a 1"},
      {'s', "", 2},
      {'p', "INCRBYFLOAT a 1"},
      {'s', "", 2},
      {'p', "SETRANGE a 0 5"},
      {'s', "", 2},
      {'p', "GETSET a 1"},
      {'s', "", 2},
      {'p', "EXPIRE a 100"},
      {'s', "", 2},
      {'p', "PERSIST a"},
      {'s', "", 2},
      {'p', "RENAME a b"},
      {'s', "", 6},
      {'p', "COPY b c"},
      {'s', "", 4},
      {'p', "DEL b c"},
      {'s', "", 4},
      {'p', "HSET h f 1"},
      {'s', "", 4},
      {'p', "HINCRBY h f 1"},
      {'s', "", 2},
      {'p', "HINCRBYFLOAT h f 1"},
      {'s', "", 2},
      {'p', "HDEL h f"},
      {'s', "", 4},
      {'p', "SADD s m"},
      {'s', "", 4},
      {'p', "SREM s x"},
      {'p', "SPOP s"},
      {'s', "", 4},
      {'p', "MSET x 1 y 2"},
      {'s', "", 8},
      {'p', "EXPIRE x 0"},
      {'s', "", 2},
      {'p', "GETDEL y"},
      {'s', "", 2},
      {'p', "SELECT 5"},
      {'p', "SETNX z 1"},
      {'s', "", 4},
      {'p', "MULTI"},
      {'p', "INCR z"},
      {'p', "DEL z"},
      {'p', "EXEC"},
      {'s', "", 4},
      // A key that is made anew is new, whatever was there.
      {'p', "MSET a 1 b 2"},
      {'s', "", 8},
      {'p', "RENAME a b"},
      {'s', "", 6},
      {'p', "SET c 1"},
      {'s', "", 4},
      {'p', "COPY c b REPLACE"},
      {'s', "", 4},
      {'p', "MULTI"},
      {'p', "DEL b"},
      {'p', "SET b 1"},
      {'p', "EXPIREAT b 9999999999"},
      {'p', "EXPIREAT b 9999999999"},
      {'p', "EXEC"},
      {'s', "", 10},
      {'p', "EXPIREAT b 9999999999"},
      {'s', "", 2},
      {'p', "SET b 1 EXAT 1"},
      {'p', "GET b"},
      {'s', "", 6},
      {'p', "CONFIG SET notify-keyspace-events Ex"},
      {'p', "SET a 1 PX 1"},
      {'s', ""},
      {'p', "CONFIG SET notify-keyspace-events Q"},
      {'p', "CONFIG SET notify-keyspace-events K$ nosuch 1"},
      {'p', "CONFIG SET notify-keyspace-events K$"},
      {'p', "CONFIG GET notify-keyspace-events"},
      {'p', "CONFIG SET notify-keyspace-events \"\""},
  });
}

TEST_F(ServedDifferential, scripts_of_session_clients_answer_as_in_redis) {
  const std::string release =
      "\"if redis.call(\\\"get\\\",KEYS[1]) == ARGV[1] then return redis.call(\\\"del\\\",KEYS[1]) "
      "else return 0 end\"";
  const std::string sha = "b70c2384248f88e6b75b9f89241a180f856ad852";
  compare({
      {'a', "SCRIPT FLUSH"},
      {'a', "EVALSHA " + sha + " 1 k me"},
      {'a', "SCRIPT EXISTS " + sha},
      {'a', "SET k me"},
      {'a', "EVAL " + release + " 1 k you"},
      {'a', "EVAL " + release + " 1 k me"},
      {'a', "EVAL " + release + " 1 k me"},
      {'a', "SCRIPT EXISTS " + sha + " x"},
      {'a', "SET k me"},
      {'a', "EVALSHA B70C2384248F88E6B75B9F89241A180F856AD852 1 k me"},
      {'a', "SCRIPT FLUSH"},
      {'a', "SCRIPT LOAD " + release},
      {'a', "EVALSHA " + sha + " -1 k me"},
      {'a', "EVALSHA " + sha + " x k me"},
      {'a', "EVALSHA short x k me"},
      {'a',
       "EVAL \"return redis.call('exists',KEYS[1])<1 and "
       "redis.call('setex',KEYS[1],ARGV[2],ARGV[1])\" 1 add v 100"},
      {'a',
       "EVAL \"return redis.call('exists',KEYS[1])<1 and "
       "redis.call('setex',KEYS[1],ARGV[2],ARGV[1])\" 1 add v 100"},
      {'a', "TTL add"},
      {'a',
       "EVAL \"local exists = redis.call('EXISTS', KEYS[1])  if (exists == 1) then return "
       "redis.call('INCRBY', KEYS[1], ARGV[1]) else return false end\" 1 n 2"},
      {'a', "SET n 1"},
      {'a',
       "EVAL \"local exists = redis.call('EXISTS', KEYS[1])  if (exists == 1) then return "
       "redis.call('INCRBY', KEYS[1], ARGV[1]) else return false end\" 1 n 2"},
      {'a', "MULTI"},
      {'a', "SET k me"},
      {'a', "EVALSHA " + sha + " 1 k me"},
      {'a', "EXEC"},
      {'a', "SCRIPT FLUSH foo"},
      {'a', "FUNCTION FLUSH"},
  });
}

}  // namespace
}  // namespace greenroom::test
