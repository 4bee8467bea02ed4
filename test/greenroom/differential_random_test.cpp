// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Random patterns and random commands, against a real redis-server.
#include <random>

#include "greenroom/redis_differential.hpp"

namespace greenroom::test {
namespace {

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
      "HINCRBYFLOAT", "NOSUCH",   "SADD",      "SADD",      "SREM",        "SCARD",
      "SISMEMBER",    "RENAME",   "RENAMENX",  "COPY",      "MSETNX",      "SMISMEMBER"};
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

}  // namespace
}  // namespace greenroom::test
