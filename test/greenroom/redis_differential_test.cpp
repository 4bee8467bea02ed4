// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The same requests to a real redis-server and to Greenroom's protocol and commands: the replies
// must be the same byte for byte. Scripts are hand-written for the words of errors, and random for
// the rest. Skipped, saying so, where redis-server is not installed.
#include <gtest/gtest.h>
#include <random>

#include "greenroom/local_server.hpp"
#include "greenroom/redis_oracle.hpp"
#include "greenroom/reply_frames.hpp"

namespace greenroom::test {
namespace {

constexpr std::string_view end_mark = "end-of-this-exchange";
const std::string end_reply = "$20\r\n" + std::string(end_mark) + "\r\n";

class RedisDifferential : public testing::Test {
 protected:
  void SetUp() override { begin({}); }

  void begin(const std::vector<std::string>& arguments) {
    std::string reason;
    oracle_ = RedisOracle::start(arguments, reason);
    if (oracle_ == nullptr) GTEST_SKIP() << reason;
  }

  // Sends all requests to both in one piece, and compares reply by reply.
  void compare(const std::vector<std::string>& requests, LocalServer& server) {
    std::string bytes;
    for (const std::string& one : requests) bytes.append(one);
    bytes.append(request({"ECHO", end_mark}));
    std::string theirs = oracle_->exchange(bytes, end_reply);
    LocalConnection connection{server};
    std::string ours = connection.send(bytes);
    auto their_replies = split_replies(theirs);
    auto our_replies = split_replies(ours);
    ASSERT_TRUE(their_replies.has_value()) << theirs.substr(0, 1000);
    ASSERT_TRUE(our_replies.has_value()) << ours.substr(0, 1000);
    std::size_t count = std::min(our_replies->size(), their_replies->size());
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_EQ((*our_replies)[i], (*their_replies)[i])
          << "reply " << i << " to request " << i + silent_
          << " or later: " << (i + silent_ < requests.size() ? requests[i + silent_] : "the end");
    ASSERT_EQ(our_replies->size(), their_replies->size());
  }

  void compare(const std::vector<std::string>& requests) {
    for (const char* version : {"2", "3"}) {
      LocalServer server;
      // HELLO's own reply tells version and number of the connection, which differ.
      std::vector<std::string> all{request({"FLUSHALL"}), request({"CLIENT", "REPLY", "SKIP"}),
                                   request({"HELLO", version})};
      all.insert(all.end(), requests.begin(), requests.end());
      silent_ = 2;
      compare(all, server);
      if (HasFatalFailure()) return;
    }
  }

  // What one connection gets until Redis closes it.
  void compare_to_the_end(const std::string& bytes) {
    LocalServer server;
    LocalConnection connection{server};
    std::string ours = connection.send(bytes);
    EXPECT_EQ(ours, oracle_->exchange(bytes, "never sent")) << bytes.substr(0, 100);
    EXPECT_TRUE(connection.is_closed()) << bytes.substr(0, 100);
  }

  std::unique_ptr<RedisOracle> oracle_;
  std::size_t silent_ = 0;  // Requests at the beginning that are not answered.
};

std::vector<std::string> lines(std::initializer_list<std::string_view> inline_requests) {
  std::vector<std::string> requests;
  for (std::string_view line : inline_requests) requests.push_back(std::string(line) + "\r\n");
  return requests;
}

TEST_F(RedisDifferential, strings_answer_and_fail_as_in_redis) {
  compare(lines({
      "GET a",
      "SET a 1",
      "GET a",
      "get a",
      "GeT a b",
      "GET",
      "SET a",
      "SET a 1 FOO",
      "SET a 1 NX",
      "SET a 1 XX",
      "SET b 1 XX",
      "SET b 1 NX GET",
      "SET b 2 NX GET",
      "SET b 3 XX GET",
      "GET b",
      "SET b 1 NX XX",
      "SET b 1 EX",
      "SET b 1 EX 0",
      "SET b 1 EX -1",
      "SET b 1 EX x",
      "SET b 1 EX 9223372036854775807",
      "SET b 1 PX 9223372036854775807",
      "SET b 1 EX 1 PX 1",
      "SET b 1 EX 100 EX 200",
      "SET b 1 KEEPTTL EX 100",
      "SET b 1 EX 100 KEEPTTL",
      "SET b 1 KEEPTTL KEEPTTL",
      "SET b 1 PERSIST",
      "SET b 1 EXAT 1",
      "EXISTS b",
      "GET b",
      "SET b 1 EXAT 9999999999",
      "EXPIRETIME b",
      "PEXPIRETIME b",
      "SET b 2 KEEPTTL",
      "EXPIRETIME b",
      "SET b 3",
      "EXPIRETIME b",
      "SET b 1 PXAT 9999999999999",
      "EXPIRETIME b",
      "SET b 1 exat 0",
      "SET b 1 pxat -5",
      "SETEX c 100",
      "SETEX c 0 x",
      "SETEX c -1 x",
      "SETEX c x x",
      "SETEX c 100 x",
      "PSETEX c 0 x",
      "PSETEX c 9223372036854775807 x",
      "SETEX c 9223372036854775 x",
      "SETNX c 1",
      "SETNX d 1",
      "GETSET d 2",
      "GETSET e 3",
      "GET e",
      "GETDEL e",
      "GETDEL e",
      "APPEND e hello",
      "APPEND e world",
      "STRLEN e",
      "STRLEN none",
      "GETRANGE e 0 -1",
      "GETRANGE e -5 -1",
      "GETRANGE e -100 2",
      "GETRANGE e 5 100",
      "GETRANGE e 3 1",
      "GETRANGE e -1 -3",
      "GETRANGE e -100 -101",
      "GETRANGE e -101 -100",
      "GETRANGE e x 1",
      "GETRANGE none 0 -1",
      "SUBSTR e 0 4",
      "SETRANGE e 5 XYZ",
      "GET e",
      "SETRANGE e -1 x",
      "SETRANGE e x x",
      "SETRANGE e 536870912 x",
      "SETRANGE f 3 abc",
      "GET f",
      "SETRANGE g 5 \"\"",
      "EXISTS g",
      "SETRANGE f 9223372036854775807 x",
      "MGET a b none",
      "MSET x 1 y 2",
      "MSET x",
      "MSET x 1 y",
      "MGET x y",
      "MGET",
      "DEL",
      "DEL x y none",
      "UNLINK a",
      "EXISTS a a b b",
      "TOUCH b none b",
  }));
}

TEST_F(RedisDifferential, numbers_answer_and_fail_as_in_redis) {
  compare(lines({
      "INCR n",
      "INCR n",
      "DECR n",
      "INCRBY n 10",
      "DECRBY n 3",
      "INCRBY n x",
      "INCRBY n 1.5",
      "INCRBY n 9223372036854775807",
      "DECRBY n -9223372036854775808",
      "DECRBY n 9223372036854775807",
      "SET n 9223372036854775807",
      "INCR n",
      "GET n",
      "SET n -9223372036854775808",
      "DECR n",
      "SET n \" 1\"",
      "INCR n",
      "SET n 01",
      "INCR n",
      "SET n +1",
      "INCR n",
      "SET n -0",
      "INCR n",
      "SET n 9223372036854775808",
      "INCR n",
      "INCRBYFLOAT f 0.1",
      "INCRBYFLOAT f 0.2",
      "INCRBYFLOAT f 5e3",
      "INCRBYFLOAT f -5000.3",
      "INCRBYFLOAT f x",
      "INCRBYFLOAT f inf",
      "INCRBYFLOAT f nan",
      "INCRBYFLOAT f \" 1\"",
      "INCRBYFLOAT f 1e400",
      "INCRBYFLOAT f -1e400",
      "GET f",
      "SET f abc",
      "INCRBYFLOAT f 1",
      "SET f 10.50",
      "INCRBYFLOAT f 0",
      "SET f 3",
      "INCRBYFLOAT f 1.000000000000000005",
      "INCRBYFLOAT f 1e17",
      "INCRBYFLOAT f 0x10",
      "SET f -1",
      "INCRBYFLOAT f 1",
      "HSET h a 1",
      "INCR h",
      "INCRBYFLOAT h 1",
      "HINCRBY h a 5",
      "HINCRBY h b -5",
      "HINCRBY h a x",
      "HINCRBY h a 9223372036854775807",
      "HSET h s str",
      "HINCRBY h s 1",
      "HINCRBYFLOAT h s 1",
      "HINCRBYFLOAT h a 1.5",
      "HINCRBYFLOAT h new 2.25",
      "HINCRBYFLOAT h a inf",
      "HINCRBYFLOAT h a nan",
      "HINCRBYFLOAT h a x",
      "HGETALL h",
      "HINCRBYFLOAT h a 1e4932",
      "HINCRBYFLOAT h a 1e4932",
      "INCRBYFLOAT g 1e4932",
      "INCRBYFLOAT g 1e4932",
  }));
}

TEST_F(RedisDifferential, hashes_answer_and_fail_as_in_redis) {
  compare(lines({
      "HGET h a",
      "HGETALL h",
      "HKEYS h",
      "HVALS h",
      "HLEN h",
      "HMGET h a b",
      "HDEL h a",
      "HEXISTS h a",
      "HSTRLEN h a",
      "HSET h a 1 b 2",
      "HSET h a 1 b",
      "HSET h a",
      "HSET h a 3 c 4",
      "HMSET h a 5 d 6",
      "HMSET h a",
      "HMSET h a 1 b",
      "HGETALL h",
      "HKEYS h",
      "HVALS h",
      "HLEN h",
      "HGET h a",
      "HGET h",
      "HMGET h a none b",
      "HMGET h",
      "HSETNX h a 9",
      "HSETNX h e 9",
      "HEXISTS h e",
      "HEXISTS h none",
      "HSTRLEN h e",
      "HSTRLEN h none",
      "HSET h \"\" \"\"",
      "HGET h \"\"",
      "HSTRLEN h \"\"",
      "HDEL h a none b",
      "HGETALL h",
      "HDEL h \"\" c d e e",
      "EXISTS h",
      "TYPE h",
      "SET s 1",
      "HGET s a",
      "HSET s a 1",
      "HGETALL s",
      "HKEYS s",
      "HLEN s",
      "HMGET s a",
      "HDEL s a",
      "HEXISTS s a",
      "HSTRLEN s a",
      "HSETNX s a 1",
      "HINCRBY s a 1",
      "HINCRBYFLOAT s a 1",
      "HSET h a 1",
      "GET h",
      "APPEND h x",
      "STRLEN h",
      "GETRANGE h 0 1",
      "SETRANGE h 0 x",
      "SETRANGE h 0 \"\"",
      "GETSET h 1",
      "GETDEL h",
      "GETEX h",
      "INCR h",
      "SET h 1 GET",
      "SET h 1 NX",
      "SETNX h 1",
      "MGET h s",
      "SET h now-a-string",
      "GET h",
      "OBJECT ENCODING h",
      "SET i 123",
      "OBJECT ENCODING i",
      "SET l " + std::string(45, 'x'),
      "OBJECT ENCODING l",
      "HSET k a 1",
      "OBJECT ENCODING k",
      "OBJECT ENCODING none",
      "OBJECT FREQ k",
      "OBJECT FREQ none",
      "OBJECT IDLETIME k",
      "OBJECT IDLETIME none",
      "OBJECT REFCOUNT k",
      "OBJECT FOO k",
      "OBJECT ENCODING",
      "OBJECT",
  }));
}

TEST_F(RedisDifferential, expiry_answers_and_fails_as_in_redis) {
  compare(lines({
      "EXPIRE a 10",
      "SET a 1",
      "TTL a",
      "PTTL a",
      "TTL none",
      "PTTL none",
      "EXPIRETIME none",
      "PEXPIRETIME none",
      "EXPIRETIME a",
      "PEXPIRETIME a",
      "PERSIST a",
      "PERSIST none",
      "EXPIRE a x",
      "EXPIRE a 1 FOO",
      "EXPIRE a",
      "EXPIRE a 1 NX XX",
      "EXPIRE a 1 NX GT",
      "EXPIRE a 1 NX LT",
      "EXPIRE a 1 GT LT",
      "EXPIRE a 1 XX GT",
      "EXPIRE a 9223372036854775807",
      "EXPIRE a 9223372036854775",
      "PEXPIRE a 9223372036854775807",
      "EXPIRE a -9223372036854775808",
      "EXPIREAT a 9223372036854775807",
      "EXPIREAT a 9999999999 XX",
      "EXPIREAT a 9999999999 NX",
      "EXPIREAT a 9999999998 NX",
      "EXPIRETIME a",
      "EXPIREAT a 9999999998 GT",
      "EXPIREAT a 9999999998 LT",
      "EXPIRETIME a",
      "EXPIREAT a 9999999999 GT",
      "EXPIREAT a 9999999999 GT",
      "EXPIREAT a 9999999999 LT",
      "EXPIRETIME a",
      "PEXPIREAT a 9999999999499",
      "EXPIRETIME a",
      "PEXPIREAT a 9999999999500",
      "EXPIRETIME a",
      "PEXPIRETIME a",
      "PERSIST a",
      "PERSIST a",
      "EXPIREAT a 9999999999 GT",
      "EXPIREAT a 9999999999 LT",
      "EXPIRETIME a",
      "EXPIRE a 100",
      "TTL a",
      "EXPIREAT a 9999999999",
      "APPEND a x",
      "EXPIRETIME a",
      "GETSET a 1",
      "EXPIRETIME a",
      "EXPIREAT a 9999999999",
      "INCR a",
      "SETRANGE a 0 5",
      "EXPIRETIME a",
      "GETEX a",
      "EXPIRETIME a",
      "GETEX a PERSIST",
      "EXPIRETIME a",
      "GETEX a EXAT 9999999999",
      "EXPIRETIME a",
      "GETEX a PXAT 9999999999999",
      "EXPIRETIME a",
      "GETEX a EX 0",
      "GETEX a EX x",
      "GETEX a EX",
      "GETEX a PERSIST EX 1",
      "GETEX a EX 1 PERSIST",
      "GETEX a KEEPTTL",
      "GETEX none EX 0",
      "GETEX none FOO",
      "GETEX a EXAT 1",
      "EXISTS a",
      "SET a 1",
      "EXPIRE a 0",
      "EXISTS a",
      "SET a 1",
      "EXPIRE a -1",
      "EXISTS a",
      "SET a 1",
      "PEXPIREAT a 1",
      "EXISTS a",
      "SET a 1",
      "EXPIREAT a -5",
      "EXISTS a",
      "SET a 1",
      "EXPIREAT a 1 GT",
      "EXPIREAT a 1 XX",
      "EXPIREAT a 1 LT",
      "EXISTS a",
      "HSET h a 1",
      "EXPIREAT h 9999999999",
      "HSET h b 1",
      "EXPIRETIME h",
      "HDEL h a b",
      "HSET h b 1",
      "EXPIRETIME h",
      "EXPIREAT h 9999999999",
      "SET h 1",
      "EXPIRETIME h",
  }));
}

TEST_F(RedisDifferential, connection_commands_answer_and_fail_as_in_redis) {
  compare(lines({
      "PING",
      "PING hello",
      "PING a b",
      "ECHO",
      "ECHO x",
      "ECHO a b",
      "SELECT 1",
      "SET a 1",
      "SELECT 0",
      "EXISTS a",
      "SELECT 99",
      "SELECT -1",
      "SELECT x",
      "SELECT 99999999999",
      "SELECT",
      "AUTH x",
      "AUTH default x",
      "AUTH other x",
      "AUTH a b c",
      "AUTH",
      "HELLO x",
      "HELLO 4",
      "HELLO 1",
      "HELLO 3 FOO",
      "HELLO 2 AUTH a b",
      "HELLO 2 AUTH a",
      "HELLO 2 SETNAME",
      "HELLO 2 SETNAME \"a b\"",
      "CLIENT GETNAME",
      "CLIENT SETNAME me",
      "CLIENT GETNAME",
      "CLIENT SETNAME \"a b\"",
      "CLIENT SETNAME \"a\\n\"",
      "CLIENT SETNAME \"\"",
      "CLIENT GETNAME",
      "CLIENT",
      "CLIENT FOO",
      "CLIENT ID x",
      "CLIENT SETNAME",
      "CLIENT NO-EVICT on",
      "CLIENT NO-EVICT x",
      "CLIENT REPLY x",
      "CLIENT LIST x",
      "CLIENT LIST TYPE x",
      "CLIENT LIST TYPE master",
      "CLIENT LIST ID x",
      "CLIENT LIST ID 99999",
      "CLIENT KILL 1.1.1.1:1",
      "CLIENT KILL ID x",
      "CLIENT KILL ID 0",
      "CLIENT KILL ID 99999",
      "CLIENT KILL foo bar",
      "CLIENT KILL ID 1 SKIPME",
      "CLIENT KILL ID 99999 SKIPME x",
      "CLIENT KILL TYPE foo",
      "CLIENT KILL USER foo",
      "CLIENT KILL",
      "CLIENT REPLY SKIP",
      "PING",
      "PING",
      "CLIENT REPLY OFF",
      "PING",
      "FOO",
      "CLIENT REPLY SKIP",
      "GET a",
      "CLIENT REPLY ON",
      "CLIENT REPLY SKIP",
      "CLIENT REPLY SKIP",
      "PING",
      "PING",
      "CLIENT REPLY SKIP",
      "CLIENT REPLY ON",
      "CONFIG GET nosuch",
      "CONFIG GET",
      "CONFIG GET save",
      "CONFIG GET SA?E",
      "CONFIG SET nosuch 1",
      "CONFIG SET a",
      "CONFIG FOO",
      "CONFIG",
      "CLUSTER INFO",
      "CLUSTER NODES",
      "CLUSTER FOO",
      "COMMAND FOO a b",
      "COMMAND COUNT 1",
      "COMMAND GETKEYS MSET a b c d",
      "COMMAND GETKEYS GET k",
      "COMMAND GETKEYS PING x",
      "COMMAND GETKEYS nosuch x",
      "COMMAND GETKEYS GET a b c",
      "COMMAND GETKEYS OBJECT ENCODING k",
      "COMMAND LIST FILTERBY FOO x",
      "COMMAND LIST FILTERBY PATTERN getd*",
      "COMMAND LIST x",
      "COMMAND INFO nosuch",
      "COMMAND DOCS nosuch",
      "INFO nosuch",
      "foo",
      "foo a b",
      "foo \"a\\r\\nb\" cc",
      "\"fo\\x00o\" \"a\\x00b\" cc",
      "\"\"",
      "\"\" \"\" x",
      "SCAN x",
      "SCAN 0 COUNT 0",
      "SCAN 0 COUNT x",
      "SCAN 0 FOO",
      "SCAN 0 FOO 1",
      "SCAN 0 TYPE nosuch",
      "SCAN 0 MATCH *",
      "SCAN",
      "FLUSHALL x",
      "FLUSHALL async x",
      "FLUSHALL async",
      "FLUSHDB sync",
      "DBSIZE x",
      "DBSIZE",
      "KEYS",
      "KEYS *",
      "RANDOMKEY",
      "SET a 1",
      "RANDOMKEY",
      "KEYS *",
      "DBSIZE",
      "SCAN 0",
      "RESET",
      "PING",
  }));
}

TEST_F(RedisDifferential, long_unknown_commands_are_cut_as_in_redis) {
  std::string long_word(300, 'w');
  compare({request({long_word}), request({long_word, long_word}),
           request({"foo", "a", long_word, "b"}), request({"foo", long_word, "b"}),
           request({"foo", std::string(120, 'x'), "abcdefgh", "b"}), request({"CLIENT", long_word}),
           request({"SET", "a", "1", long_word}), request({"EXPIRE", "a", "1", "long"}),
           request({"GET", "a", long_word})});
}

TEST_F(RedisDifferential, protocol_errors_have_the_words_of_redis) {
  for (std::string_view bytes : {
           "*1\r\nfoo\r\n",
           "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n",
           "*3000000000\r\n",
           "*x\r\n",
           "*1\r\n$-10\r\n",
           "*1\r\n$2000000000\r\n",
           "*1\r\n$blabla\r\n",
           "*1\r\n$\r\n",
           "*\r\n",
           "*1\r\n$99999999999999999999\r\n",
           "*+1\r\n",
           "*01\r\n",
           "*1\r\n$+4\r\nPING\r\n",
           "set \"\"\"test-key\"\"\" test-value\r\n",
           "PING \"abc\r\n",
           "PING 'abc\r\n",
           "PING \"a\"b\r\n",
           "PING\r\n*1\r\n:4\r\n",
           "QUIT\r\nPING\r\n",
           "QUIT a b\r\n",
           "*-10\r\n*0\r\n\r\n  \r\nPING\r\nQUIT\r\n",
           "POST / HTTP/1.1\r\n",
           "Host: x\r\n",
           "*1\r\n$4\r\nQUIT\r\n",
           "GET 'it''s'\r\n",
           "HELLO 3\" \r\n",
       })
    compare_to_the_end(std::string(bytes));
  compare_to_the_end("PING " + std::string(100'000, 'x'));
}

TEST_F(RedisDifferential, inline_quoting_is_that_of_redis) {
  compare(lines({
      "ECHO \"a b\"",  "ECHO 'a b'",   "ECHO \"\\x41\\n\\r\\t\\b\\a\\q\\\\\\\"\"",
      "ECHO 'a\\'b'",  "ECHO 'a\\nb'", "ECHO \"\\xZZ\"",
      "ECHO \"\\x4\"", "ECHO   \t x",  "  ECHO x  ",
      "ECHO \"\"",     "ECHO ''",      "ECHO a\"b c\"",
      "ECHO a'b c'",   "\"ECHO\" x",   "ECHO \\x41",
      "ECHO \v\fx",    "ECHO \"'\"",   "ECHO '\"'",
      "ECHO \"\\\\\"",
  }));
}

TEST_F(RedisDifferential, patterns_match_as_in_redis) {
  std::mt19937 random{20261121};
  static constexpr std::string_view alphabet = "ab*?[]^-\\c";
  auto word = [&](std::size_t max, std::string_view letters) {
    std::string text;
    for (std::size_t i = random() % (max + 1); i > 0; --i)
      text.push_back(letters[random() % letters.size()]);
    return text;
  };
  for (int round = 0; round < 400; ++round) {
    // Never empty: Redis' "**" does not match the empty key, though its "*" does.
    std::string key = "a" + word(6, round % 4 == 0 ? alphabet : "abc");
    std::vector<std::string> requests{request({"SET", key, "1"})};
    for (int i = 0; i < 50; ++i) requests.push_back(request({"KEYS", word(7, alphabet)}));
    LocalServer server;
    requests.insert(requests.begin(), request({"FLUSHALL"}));
    compare(requests, server);
    if (HasFatalFailure()) return;
  }
}

// Words and keys so few that commands meet each other's values.
class RandomScript {
 public:
  explicit RandomScript(unsigned seed) : random_{seed} {}

  std::string next() {
    std::vector<std::string> words{pick(commands_)};
    words.push_back("k" + std::to_string(random_() % 5));
    for (std::size_t more = random_() % 5; more > 0; --more) words.push_back(argument());
    return request(words);
  }

 private:
  std::string pick(std::span<const std::string_view> list) {
    return std::string(list[random_() % list.size()]);
  }

  std::string argument() {
    switch (random_() % 4) {
      case 0:
        return pick(options_);
      case 1:
        return "f" + std::to_string(random_() % 4);
      case 2:
        return std::to_string(static_cast<int>(random_() % 40) - 10);
      default:
        return pick(values_);
    }
  }

  // Without TTL and PTTL, which tell the time of day; EX and its like appear with wrong numbers
  // only.
  static constexpr std::string_view commands_[] = {
      "GET",          "SET",      "SET",       "SET",       "SETNX",       "GETEX",
      "GETDEL",       "GETSET",   "APPEND",    "STRLEN",    "GETRANGE",    "SETRANGE",
      "INCR",         "DECR",     "INCRBY",    "DECRBY",    "INCRBYFLOAT", "MGET",
      "MSET",         "DEL",      "UNLINK",    "EXISTS",    "TOUCH",       "TYPE",
      "EXPIREAT",     "EXPIREAT", "PEXPIREAT", "PEXPIREAT", "EXPIRETIME",  "PEXPIRETIME",
      "PERSIST",      "HSET",     "HSET",      "HSET",      "HMSET",       "HSETNX",
      "HGET",         "HMGET",    "HGETALL",   "HGETALL",   "HKEYS",       "HVALS",
      "HLEN",         "HDEL",     "HDEL",      "HEXISTS",   "HSTRLEN",     "HINCRBY",
      "HINCRBYFLOAT", "NOSUCH"};
  static constexpr std::string_view options_[] = {
      "NX",      "XX",   "GT",   "LT",         "GET",           "KEEPTTL",
      "PERSIST", "EXAT", "PXAT", "9999999999", "9999999999999", "8888888888888",
      "exat",    "nx"};
  static constexpr std::string_view values_[] = {"",
                                                 "a",
                                                 "0",
                                                 "-0",
                                                 "007",
                                                 "1.5",
                                                 "-2.25",
                                                 "3e2",
                                                 "9223372036854775807",
                                                 "-9223372036854775808",
                                                 "hello world",
                                                 "x\r\ny",
                                                 "inf",
                                                 "nan",
                                                 "0.1"};

  std::mt19937 random_;
};

TEST_F(RedisDifferential, random_commands_answer_as_in_redis) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomScript script{seed};
    std::vector<std::string> requests;
    for (int i = 0; i < 3000; ++i) requests.push_back(script.next());
    compare(requests);
    if (HasFatalFailure()) return;
  }
}

TEST_F(RedisDifferential, command_info_tells_arity_flags_and_keys_as_redis_does) {
  for (const CommandSpec& command : all_commands()) {
    // Newer than the oracle's 7.0, as is an arity, or containers with fewer subcommands here.
    if (command.since >= "7.2" || command.handler == Handler::container ||
        command.id == CommandId::command || command.id == CommandId::command_getkeys)
      continue;
    std::string ask = request({"COMMAND", "INFO", command.name});
    std::string theirs = oracle_->exchange(ask + request({"ECHO", end_mark}), end_reply);
    LocalServer server;
    LocalConnection connection{server};
    std::string ours = connection.send(ask);
    // The part behind the categories, tips and key specifications, is told in less detail.
    std::string categories = ours.substr(0, ours.rfind('@'));
    categories = ours.substr(0, ours.find('\n', categories.size()) + 1);
    EXPECT_EQ(categories, theirs.substr(0, categories.size()));
  }
}

class RedisDifferentialWithPassword : public RedisDifferential {
 protected:
  void SetUp() override { begin({"--requirepass", "secret"}); }
};

TEST_F(RedisDifferentialWithPassword, strangers_get_the_answers_of_redis) {
  LocalServer server{"secret"};
  compare(lines({
              "PING",
              "GET a",
              "SET a",
              "FOO",
              "FOO a",
              "CLIENT ID",
              "CLIENT FOO",
              "COMMAND COUNT",
              "SELECT 1",
              "ECHO x",
              "HELLO",
              "HELLO 3",
              "HELLO 4",
              "HELLO x",
              "HELLO 3 FOO",
              "HELLO 3 AUTH default wrong",
              "HELLO 3 AUTH other secret",
              "AUTH wrong",
              "AUTH default wrong",
              "AUTH other secret",
              "AUTH secre",
              "AUTH secrets",
              "AUTH \"\"",
              "AUTH",
              "AUTH a b c",
              "RESET",
              "PING",
              "AUTH secret",
              "PING",
              "AUTH wrong",
              "PING",
              "SET a 1",
              "RESET",
              "GET a",
              "AUTH default secret",
              "GET a",
              "HELLO 3 AUTH a b",
              "GET a",
              "RESET",
              "HELLO 4 AUTH default secret",
              "PING",
              "AUTH secret",
          }),
          server);
}

TEST_F(RedisDifferentialWithPassword, strangers_may_not_send_large_requests) {
  for (std::string_view bytes :
       {"*11\r\n", "*2\r\n$4\r\nAUTH\r\n$16385\r\n", "*10\r\n$20000000\r\n"}) {
    LocalServer server{"secret"};
    LocalConnection connection{server};
    EXPECT_EQ(connection.send(bytes), oracle_->exchange(bytes, "never sent"));
    EXPECT_TRUE(connection.is_closed());
  }
}

}  // namespace
}  // namespace greenroom::test
