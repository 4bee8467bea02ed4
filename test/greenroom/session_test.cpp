// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The session itself: what a command did to it, its times and counters, and how much memory it
// takes.
#include "session/session.hpp"

#include <gtest/gtest.h>

#include "greenroom/transcript.hpp"
#include "session/apply.hpp"

namespace greenroom::test {
namespace {

// One session, and commands on it at given times.
struct OneKey {
  Session session;
  std::string reply;

  Outcome run(std::int64_t now_ms, std::vector<std::string_view> words,
              bool counts_as_access = true) {
    const CommandSpec* command = find_full_name(words[0]);
    reply.clear();
    return apply(session, *command, words, {.now_ms = now_ms, .counts_as_access = counts_as_access},
                 reply);
  }
};

// Which of an outcome's flags are up, by their first letters.
std::string flags(const Outcome& outcome) {
  std::string up;
  if (outcome.value_changed) up += "value ";
  if (outcome.expiry_changed) up += "expiry ";
  if (outcome.created) up += "created ";
  if (outcome.deleted) up += "deleted ";
  if (outcome.expired) up += "expired ";
  if (outcome.hit) up += "hit ";
  return up;
}

TEST(Outcome, tells_what_has_to_be_stored_and_timed) {
  OneKey key;
  EXPECT_EQ(flags(key.run(1000, {"GET", "k"})), "");
  EXPECT_EQ(flags(key.run(1000, {"SET", "k", "v", "PX", "500"})), "value expiry created ");
  EXPECT_EQ(key.session.expires_at_ms(), 1500);
  EXPECT_EQ(flags(key.run(1000, {"GET", "k"})), "hit ");
  EXPECT_EQ(flags(key.run(1000, {"SET", "k", "v", "KEEPTTL"})), "value hit ");
  EXPECT_EQ(flags(key.run(1100, {"PEXPIRE", "k", "400"})), "hit ") << "the same time again";
  EXPECT_EQ(flags(key.run(1100, {"PEXPIRE", "k", "500"})), "expiry hit ");
  EXPECT_EQ(flags(key.run(1100, {"SET", "k", "w", "NX"})), "hit ");
  EXPECT_EQ(flags(key.run(1100, {"SET", "k", "w"})), "value expiry hit ");
  EXPECT_EQ(flags(key.run(1100, {"PERSIST", "k"})), "hit ");
  EXPECT_EQ(flags(key.run(1100, {"DEL", "k"})), "value deleted hit ");
  EXPECT_EQ(flags(key.run(1100, {"DEL", "k"})), "");
  EXPECT_EQ(flags(key.run(1100, {"HSET", "k", "f", "v"})), "value created ");
  EXPECT_EQ(flags(key.run(1100, {"HDEL", "k", "none"})), "hit ");
  EXPECT_EQ(flags(key.run(1100, {"HDEL", "k", "f"})), "value deleted hit ");
}

TEST(Outcome, of_a_command_on_a_due_key_says_that_it_expired) {
  OneKey key;
  key.run(1000, {"SET", "k", "v", "PX", "500"});
  EXPECT_EQ(flags(key.run(1500, {"GET", "k"})), "value expiry deleted expired ");
  key.run(1000, {"SET", "k", "v", "PX", "500"});
  EXPECT_EQ(flags(key.run(1500, {"SET", "k", "w"})), "value expiry created expired ");
  key.run(2000, {"PEXPIRE", "k", "500"});
  EXPECT_EQ(flags(expire_if_due(key.session, 2499)), "");
  EXPECT_EQ(flags(expire_if_due(key.session, 2500)), "value expiry deleted expired ");
  EXPECT_EQ(flags(expire_if_due(key.session, 2500)), "");
}

TEST(Outcome, of_a_refused_command_is_nothing) {
  OneKey key;
  key.run(1000, {"SET", "k", "v"});
  for (std::vector<std::string_view> words :
       std::initializer_list<std::vector<std::string_view>>{{"SET", "k"},
                                                            {"SET", "k", "v", "EX", "x"},
                                                            {"INCR", "k"},
                                                            {"HSET", "k", "f", "v"},
                                                            {"HINCRBY", "k", "f", "1"},
                                                            {"EXPIRE", "k", "x"},
                                                            {"GETEX", "k", "EX", "0"},
                                                            {"SETRANGE", "k", "-1", "x"},
                                                            {"PING", "x"},
                                                            {"INCRBYFLOAT", "k", "1"}}) {
    EXPECT_EQ(flags(key.run(1000, words)), "hit ") << words[0];
    EXPECT_TRUE(key.reply.starts_with('-')) << words[0];
  }
  EXPECT_EQ(key.session.revision(), 1u);
}

TEST(Session, revision_counts_changes_over_deletions) {
  OneKey key;
  key.run(1, {"SET", "k", "v"});
  key.run(1, {"APPEND", "k", "w"});
  key.run(1, {"EXPIRE", "k", "100"});
  key.run(1, {"GET", "k"});
  EXPECT_EQ(key.session.revision(), 2u);
  key.run(1, {"DEL", "k"});
  key.run(1, {"SET", "k", "v"});
  EXPECT_EQ(key.session.revision(), 4u);
}

TEST(Session, times_and_reads_follow_what_clients_do) {
  OneKey key;
  key.run(1000, {"SET", "k", "v"});
  key.run(2000, {"GET", "k"});
  EXPECT_EQ(key.session.created_at_ms(), 1000);
  EXPECT_EQ(key.session.last_access_at_ms(), 2000);
  EXPECT_EQ(key.session.reads(), 1u);
  for (std::string_view looking : {"TTL", "TYPE", "EXISTS"}) key.run(3000, {looking, "k"});
  key.run(3000, {"OBJECT|ENCODING", "ENCODING", "k"});
  key.run(3000, {"GET", "k"}, false);
  EXPECT_EQ(key.session.last_access_at_ms(), 2000);
  key.run(62'500, {"OBJECT|IDLETIME", "IDLETIME", "k"});
  EXPECT_EQ(key.reply, ":60\r\n");
  key.run(70'000, {"TOUCH", "k"}, false);
  EXPECT_EQ(key.session.last_access_at_ms(), 70'000);
  key.run(80'000, {"SET", "k", "w"});
  EXPECT_EQ(key.session.created_at_ms(), 1000);
  key.run(90'000, {"DEL", "k"});
  key.run(90'000, {"SET", "k", "w"});
  EXPECT_EQ(key.session.created_at_ms(), 90'000);
  EXPECT_EQ(key.session.reads(), 0u);
}

TEST(Session, of_163_bytes_takes_one_exact_allocation_beside_itself) {
  OneKey key;
  std::string value(163, 'x');
  key.run(1, {"SET", "k", value});
  EXPECT_EQ(key.session.memory_bytes(), sizeof(Session) + 163);
  key.run(1, {"SET", "k", std::string(100'000, 'x')});
  key.run(1, {"SET", "k", value});
  EXPECT_EQ(key.session.memory_bytes(), sizeof(Session) + 163) << "a large value is given back";
  key.run(1, {"DEL", "k"});
  EXPECT_EQ(key.session.memory_bytes(), sizeof(Session));
}

TEST(Session, of_five_short_fields_is_packed_in_little_more_than_its_bytes) {
  OneKey key;
  key.run(1, {"HSET", "k", "cookie", std::string(40, 'c'), "user", "12345", "csrf",
              std::string(32, 't'), "seen", "1700000000", "cart", "[]"});
  std::size_t text = 6 + 40 + 4 + 5 + 4 + 32 + 4 + 10 + 4 + 2;
  EXPECT_LE(key.session.memory_bytes(), sizeof(Session) + (text + 10) * 9 / 8);
  key.session.fit();
  EXPECT_EQ(key.session.memory_bytes(), sizeof(Session) + text + 10);
}

TEST(Session, many_appends_take_no_quadratic_time) {
  OneKey key;
  std::string piece(100, 'x');
  for (int i = 0; i < 100'000; ++i) key.run(1, {"APPEND", "k", piece});
  EXPECT_EQ(key.session.string().size(), 10'000'000u);
}

}  // namespace
}  // namespace greenroom::test
