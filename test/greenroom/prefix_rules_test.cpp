// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What a prefix's rule adds to Redis' rules, without processes: tombstones, merging, ages, users.
#include "session/prefix_rules.hpp"

#include <gtest/gtest.h>

#include "greenroom/transcript.hpp"
#include "session/codec.hpp"
#include "session/merge.hpp"

namespace greenroom::test {
namespace {

void set_rule(LocalServer& server, std::string_view prefix, std::string_view words) {
  auto rule = parse_prefix_rule(prefix, words);
  ASSERT_TRUE(rule.has_value()) << rule.error();
  server.prefix_rules.set(std::move(*rule));
}

TEST(PrefixRules, a_rule_is_read_and_written_in_the_same_words) {
  const std::string words =
      "tombstone=1m revive=never dead-write=error merge=json lock-wait=500ms lock-suffix=:lock "
      "lock-owner=connection history=8 idle=30m max-age=8h user=/passport/user cap=5";
  const auto rule = parse_prefix_rule("sess:", words);
  ASSERT_TRUE(rule.has_value()) << rule.error();
  EXPECT_EQ(to_words(*rule), words);
  EXPECT_EQ(to_words(*parse_prefix_rule("x", "")), "");
}

TEST(PrefixRules, a_word_that_is_not_understood_is_named) {
  for (std::string_view word :
       {"tombstone=60", "tombstone=-1s", "lock-wait=2s", "merge=xml", "x", "user=name", "cap=-1",
        "history=65", "lock-owner=me", "revive=maybe", "idle=99999999999999999d"}) {
    const auto rule = parse_prefix_rule("sess:", word);
    ASSERT_FALSE(rule.has_value()) << word;
    EXPECT_NE(rule.error().find(word), std::string::npos) << rule.error();
  }
}

TEST(PrefixRules, the_longest_prefix_counts) {
  PrefixRules rules;
  rules.set(*parse_prefix_rule("s", "cap=1"));
  rules.set(*parse_prefix_rule("sess:", "cap=2"));
  EXPECT_EQ(rules.find("sess:a")->cap, 2u);
  EXPECT_EQ(rules.find("sess")->cap, 1u);
  EXPECT_EQ(rules.find("x"), nullptr);
  rules.remove("sess:");
  EXPECT_EQ(rules.find("sess:a")->cap, 1u);
}

TEST(Tombstone, a_late_save_does_not_bring_a_session_back) {
  LocalServer server;
  set_rule(server, "sess:", "tombstone=60s");
  expect_transcript(server, R"(
    > SET sess:a 1
    +OK
    > DEL sess:a
    :1
    > SET sess:a late EX 100
    +OK
    > HSET sess:a f late
    :1
    > EXISTS sess:a
    :0
    > DBSIZE
    :0
    > KEYS *
    *0
    # SET NX says that it begins anew.
    > SET sess:a new NX
    +OK
    > GET sess:a
    $3
    new
    # Keys without the rule are as ever.
    > SET a 1
    +OK
    > DEL a
    :1
    > SET a 2
    +OK
    > EXISTS a
    :1
    > DEL sess:a
    :1
    @ 60000
    > SET sess:a 2
    +OK
    > EXISTS sess:a
    :1
  )");
}

TEST(Tombstone, who_has_read_that_it_is_gone_may_write_again) {
  LocalServer server;
  set_rule(server, "sess:", "tombstone=60s revive=after-read");
  LocalConnection slow{server};
  LocalConnection fresh{server};
  EXPECT_EQ(slow.send("SET sess:a 1\r\nGET sess:a\r\nDEL sess:a\r\n"), "+OK\r\n$1\r\n1\r\n:1\r\n");
  EXPECT_EQ(slow.send("SET sess:a late\r\nEXISTS sess:a\r\n"), "+OK\r\n:0\r\n");
  EXPECT_EQ(fresh.send("GET sess:a\r\nSET sess:a 2\r\nGET sess:a\r\n"),
            "$-1\r\n+OK\r\n$1\r\n2\r\n");
}

TEST(Tombstone, a_shared_connection_that_held_the_value_may_not) {
  LocalServer server;
  set_rule(server, "sess:", "tombstone=60s");
  LocalConnection shared{server};
  EXPECT_EQ(shared.send("SET sess:a 1\r\nGET sess:a\r\nDEL sess:a\r\n"),
            "+OK\r\n$1\r\n1\r\n:1\r\n");
  EXPECT_EQ(shared.send("GET sess:a\r\nSET sess:a late\r\nEXISTS sess:a\r\n"),
            "$-1\r\n+OK\r\n:0\r\n");
}

TEST(Tombstone, an_error_can_be_asked_for_and_locks_have_none) {
  LocalServer server;
  set_rule(server, "sess:", "tombstone=60s dead-write=error");
  expect_transcript(server, R"(
    > SET sess:a 1
    +OK
    > DEL sess:a
    :1
    > SET sess:a late
    -DEAD this session has ended; the write is not stored
    > SET sess:a_LOCK me
    +OK
    > DEL sess:a_LOCK
    :1
    > SET sess:a_LOCK you
    +OK
  )");
}

TEST(Tombstone, is_stored_and_survives_transactions_and_renames) {
  LocalServer server;
  set_rule(server, "sess:", "tombstone=60s");
  expect_transcript(server, R"(
    > SET sess:a 1
    +OK
    > RENAME sess:a sess:b
    +OK
    > SET sess:a late
    +OK
    > EXISTS sess:a sess:b
    :1
    > MULTI
    +OK
    > DEL sess:b
    +QUEUED
    > EXEC
    *1
    :1
    > SET sess:b late
    +OK
    > EXISTS sess:a sess:b
    :0
  )");
  ASSERT_EQ(server.stored.size(), 2u);
  for (const auto& [key, bytes] : server.stored) {
    const auto decoded = decode_key(bytes);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_TRUE(decoded->is_dead(server.now_ms));
    EXPECT_EQ(encode_key(*decoded), bytes);
  }
}

TEST(Age, sessions_slide_up_to_their_last_moment) {
  LocalServer server;
  set_rule(server, "sess:", "idle=10s max-age=25s");
  expect_transcript(server, R"(
    > SET sess:a 1
    +OK
    > PTTL sess:a
    :10000
    @ 9000
    > GET sess:a
    $1
    1
    > PTTL sess:a
    :10000
    @ 9000
    > GET sess:a
    $1
    1
    > PTTL sess:a
    :7000
    @ 6000
    > GET sess:a
    $1
    1
    @ 1000
    > GET sess:a
    $-1
    > SET sess:b 1 EX 100
    +OK
    > PTTL sess:b
    :10000
  )");
}

// The version that a GET shows, as a client would carry it back.
std::string read(LocalConnection& client, std::string_view key) {
  const std::string reply = client.send("GET " + std::string{key} + "\r\n");
  const std::size_t begin = reply.find("\r\n") + 2;
  return reply.substr(begin, reply.size() - begin - 2);
}

std::string with_member(std::string text, std::string_view member) {
  text.insert(text.size() - 1, "," + std::string{member});
  return text;
}

TEST(Merge, parallel_saves_keep_each_others_members) {
  LocalServer server;
  set_rule(server, "sess:", "merge=json");
  LocalConnection client{server};
  client.send(request({"SET", "sess:a", R"({"user":"alice","n":1,"old":true})"}));
  const std::string first = read(client, "sess:a");
  const std::string second = read(client, "sess:a");
  EXPECT_EQ(first, second);
  EXPECT_NE(first.find("\"__greenroom\":\""), std::string::npos) << first;
  client.send(request({"SET", "sess:a", with_member(first, R"("a":1)")}));
  client.send(request({"SET", "sess:a", with_member(second, R"("b":2)")}));
  // A member that one request deletes and the other has not touched goes.
  std::string without = first;
  without.erase(without.find(",\"old\":true"), 11);
  client.send(request({"SET", "sess:a", without}));
  const auto& session = server.sessions.at({0, "sess:a"}).session;
  const auto members = split_json_object(session.string());
  ASSERT_TRUE(members.has_value());
  EXPECT_EQ(members->size(), 4u) << session.string();
  EXPECT_EQ(json_at(session.string(), "/a"), "1");
  EXPECT_EQ(json_at(session.string(), "/b"), "2");
  EXPECT_EQ(json_at(session.string(), "/old"), std::nullopt);
  EXPECT_FALSE(server.last_outcome.conflicted);
}

TEST(Merge, the_later_save_has_a_member_that_both_changed) {
  LocalServer server;
  set_rule(server, "sess:", "merge=json");
  LocalConnection client{server};
  client.send(request({"SET", "sess:a", R"({"n":1})"}));
  std::string one = read(client, "sess:a");
  std::string two = one;
  one.replace(one.find(":1"), 2, ":2");
  two.replace(two.find(":1"), 2, ":3");
  client.send(request({"SET", "sess:a", one}));
  client.send(request({"SET", "sess:a", two}));
  EXPECT_TRUE(server.last_outcome.conflicted);
  EXPECT_EQ(server.sessions.at({0, "sess:a"}).session.string(), R"({"n":3})");
}

TEST(Merge, what_is_no_object_or_has_no_version_is_stored_as_it_is) {
  LocalServer server;
  set_rule(server, "sess:", "merge=json");
  LocalConnection client{server};
  for (std::string_view value : {"plain", R"({"a":1})", "{\"a\":", "[1,2]", R"({"a":1}x)"}) {
    client.send(request({"SET", "sess:a", value}));
    EXPECT_EQ(server.sessions.at({0, "sess:a"}).session.string(), value);
  }
}

TEST(JsonObject, is_split_at_its_members) {
  const auto members = split_json_object(R"( {"a" : [1,{"b":"}"}] , "c\"":"x,y", "d":{}} )");
  ASSERT_TRUE(members.has_value());
  ASSERT_EQ(members->size(), 3u);
  EXPECT_EQ((*members)[0].value, R"([1,{"b":"}"}])");
  EXPECT_EQ((*members)[1].name, "c\\\"");
  EXPECT_TRUE(split_json_object("{}").has_value());
  for (std::string_view text : {"", "{", "{}}", "[]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
                                "{\"a\":[}", "{\"a\":\"}", "{a:1}"})
    EXPECT_FALSE(split_json_object(text).has_value()) << text;
  EXPECT_FALSE(split_json_object("{\"a\":" + std::string(1000, '[')).has_value());
}

TEST(Users, are_found_in_the_value_and_stored_with_it) {
  LocalServer server;
  set_rule(server, "sess:", "user=/passport/user");
  set_rule(server, "hash:", "user=hash:principal");
  LocalConnection client{server};
  client.send(request({"SET", "sess:a", R"({"passport":{"user":"alice"}})"}));
  client.send(request({"HSET", "hash:a", "principal", "bob"}));
  EXPECT_EQ(server.sessions.at({0, "sess:a"}).user(), "alice");
  EXPECT_EQ(server.sessions.at({0, "hash:a"}).user(), "bob");
  EXPECT_EQ(decode_key(server.stored.at({0, "sess:a"}))->user(), "alice");
  client.send(request({"SESS.BIND", "sess:a", "carol"}));
  client.send(request({"SET", "sess:a", R"({"passport":{"user":"dave"}})"}));
  EXPECT_EQ(server.sessions.at({0, "sess:a"}).user(), "carol");
  client.send(request({"DEL", "sess:a"}));
  EXPECT_FALSE(server.sessions.contains({0, "sess:a"}));
}

TEST(Sess, commands_know_versions_and_users) {
  LocalServer server;
  expect_transcript(server, R"(
    > SESS.GET s
    $-1
    > SESS.SET s '{"a":1}' EX 100
    :1700000000000000
    > SESS.SET s '{"a":2}' IF 7
    $-1
    > SESS.SET s '{"a":2}' IF 1700000000000000
    :1700000000000001
    > SESS.PATCH s '{"b":3,"a":null}'
    :1700000000000002
    > GET s
    $7
    {"b":3}
    > SESS.PATCH s [1]
    -ERR this is no JSON object
    > SESS.BIND s alice
    :1
    > SESS.BIND none alice
    :0
    > SESS.SET s x FOO 1
    -ERR syntax error
    > SESS.DESTROY s
    :1
    > SESS.DESTROY s
    :0
  )");
}

TEST(Sess, a_version_of_one_life_is_none_of_the_next) {
  LocalServer server;
  expect_transcript(server, R"(
    > SESS.SET s mine
    :1700000000000000
    > SET s mine
    +OK
    > SESS.DESTROY s
    :1
    @ 1
    > SESS.SET s theirs
    :1700000000001000
    > SESS.SET s mine IF 1700000000000000
    $-1
    > SESS.SET s mine IF 1700000000000001
    $-1
    > DEL s
    :1
    @ 1
    > SET from x
    +OK
    > RENAME from s
    +OK
    > SESS.SET s mine IF 1700000000001001
    $-1
    > SESS.SET s mine IF 0
    $-1
    > GET s
    $1
    x
  )");
}

TEST(Sess, touch_is_an_access_and_may_set_the_time_to_live) {
  LocalServer server;
  set_rule(server, "s", "idle=10m");
  expect_transcript(server, R"(
    > SESS.TOUCH s
    :0
    > SET s v
    +OK
    > TTL s
    :600
    @ 300000
    > TTL s
    :300
    > SESS.TOUCH s
    :1
    > TTL s
    :600
    > SET plain v
    +OK
    > SESS.TOUCH plain EX 100
    :1
    > TTL plain
    :100
    > SESS.TOUCH plain EX 0
    -ERR invalid expire time in 'sess.touch' command
    > SESS.TOUCH plain PX 1
    -ERR syntax error
  )");
}

TEST(Sess, history_tells_what_was_changed_and_not_to_what) {
  LocalServer server;
  set_rule(server, "s", "history=2");
  LocalConnection client{server};
  client.send(request({"SET", "s:a", R"({"a":1,"b":1})"}));
  client.send(request({"SET", "s:a", R"({"a":1,"b":2,"c":3})"}));
  client.send(request({"GET", "s:a"}));
  client.send(request({"EXPIRE", "s:a", "100"}));
  server.now_ms += 1'000;
  client.send(request({"SESS.PATCH", "s:a", R"({"a":null,"secret":"hunter2"})"}));
  const std::string told = client.send("SESS.HISTORY s:a\r\n");
  EXPECT_EQ(told,
            "*2\r\n"
            "*6\r\n:1700000001000\r\n:1700000001000000\r\n$10\r\nsess.patch\r\n:1\r\n:32\r\n"
            "*2\r\n$6\r\nsecret\r\n$1\r\na\r\n"
            "*6\r\n:1700000000000\r\n:1700000000000001\r\n$3\r\nset\r\n:1\r\n:19\r\n"
            "*2\r\n$1\r\nb\r\n$1\r\nc\r\n");
  EXPECT_EQ(client.send("SESS.HISTORY s:a COUNT 1\r\n").substr(0, 4), "*1\r\n");
  EXPECT_EQ(client.send("SESS.HISTORY s:a COUNT x\r\n").substr(0, 4), "-ERR");
  client.send(request({"HSET", "s:h", "f", "1", "g", "2"}));
  client.send(request({"HDEL", "s:h", "f"}));
  EXPECT_NE(client.send("SESS.HISTORY s:h COUNT 1\r\n").find("*1\r\n$1\r\nf\r\n"),
            std::string::npos);
  // Keys without the rule have none, and their processes carry nothing for it.
  client.send(request({"SET", "plain", "1"}));
  EXPECT_EQ(client.send("SESS.HISTORY plain\r\n"), "*0\r\n");
  EXPECT_EQ(server.sessions.at({0, "plain"}).extra, nullptr);
}

}  // namespace
}  // namespace greenroom::test
