// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Commands on hashes, as transcripts, and the hash's two forms against a plain map.
#include <cstdio>
#include <map>
#include <random>
#include <set>

#include "greenroom/transcript.hpp"
#include "session/hash_value.hpp"

namespace greenroom::test {
namespace {

TEST(HashCommands, fields_are_set_read_and_deleted) {
  expect_transcript(R"(
    > HSET h a 1 b 2
    :2
    > HSET h a 3 c 4
    :1
    > HGETALL h
    *6
    $1
    a
    $1
    3
    $1
    b
    $1
    2
    $1
    c
    $1
    4
    > HMGET h c none a
    *3
    $1
    4
    $-1
    $1
    3
    > HLEN h
    :3
    > HSETNX h a 9
    :0
    > HSTRLEN h a
    :1
    > HDEL h a b a none
    :2
    > HKEYS h
    *1
    $1
    c
    > HDEL h c
    :1
    > EXISTS h
    :0
    > TYPE h
    +none
  )");
}

TEST(HashCommands, all_fields_are_a_map_in_resp3) {
  LocalServer server;
  LocalConnection connection{server};
  connection.send("HELLO 3\r\nHSET h a 1\r\n");
  EXPECT_EQ(connection.send("HGETALL h\r\nHGETALL none\r\nHKEYS h\r\nHGET h none\r\n"),
            "%1\r\n$1\r\na\r\n$1\r\n1\r\n%0\r\n*1\r\n$1\r\na\r\n_\r\n");
}

TEST(HashCommands, a_hash_and_its_expiry_go_with_its_last_field) {
  expect_transcript(R"(
    > HSET h a 1
    :1
    > EXPIRE h 100
    :1
    > HDEL h a
    :1
    > HSET h a 1
    :1
    > TTL h
    :-1
  )");
}

TEST(HashCommands, counters_in_fields_refuse_what_is_no_number) {
  expect_transcript(R"(
    > HINCRBY h n 5
    :5
    > HINCRBY h n 9223372036854775807
    -ERR increment or decrement would overflow
    > HINCRBYFLOAT h n 0.25
    $4
    5.25
    > HINCRBY h n 1
    -ERR hash value is not an integer
    > HSET h s str
    :1
    > HINCRBYFLOAT h s 1
    -ERR hash value is not a float
    > HSET h odd
    -ERR wrong number of arguments for 'hset' command
    > HSET h a 1 odd
    -ERR wrong number of arguments for 'hset' command
    > SET s 1
    +OK
    > HSET s a 1
    -WRONGTYPE Operation against a key holding the wrong kind of value
  )");
}

// Does the same to a hash and to a map, with so many fields and such long values that both forms of
// the hash appear.
void compare_with_a_map(unsigned seed, std::size_t fields, std::size_t longest) {
  std::mt19937 random{seed};
  HashValue hash;
  std::map<std::string, std::string> map;
  for (int i = 0; i < 4000; ++i) {
    std::string field = "f" + std::to_string(random() % fields);
    if (random() % 3 == 0) {
      ASSERT_EQ(hash.erase(field), map.erase(field) == 1);
    } else {
      std::string value(random() % longest, static_cast<char>(random()));
      ASSERT_EQ(hash.set(field, value), map.insert_or_assign(field, value).second);
    }
    auto found = hash.find(field);
    auto expected = map.find(field);
    ASSERT_EQ(found.has_value(), expected != map.end());
    if (found) {
      ASSERT_EQ(*found, expected->second);
    }
    ASSERT_EQ(hash.size(), map.size());
    ASSERT_EQ(hash.is_empty(), map.empty());
  }
  std::map<std::string, std::string> all;
  hash.for_each([&](std::string_view field, std::string_view value) {
    EXPECT_TRUE(all.emplace(field, value).second) << field << " comes twice";
  });
  EXPECT_EQ(all, map);
}

TEST(HashValue, holds_what_a_map_holds_in_both_forms) {
  compare_with_a_map(1, 10, 20);
  compare_with_a_map(2, 400, 300);
  compare_with_a_map(3, 2000, 10);
  compare_with_a_map(4, 10, 30'000);
}

TEST(HashValue, is_packed_while_small_and_keeps_the_order_of_fields) {
  HashValue hash;
  for (int i = 0; i < 512; ++i) hash.set("field" + std::to_string(i), "v");
  EXPECT_TRUE(hash.is_packed());
  std::string first;
  hash.for_each([&](std::string_view field, std::string_view) {
    if (first.empty()) first = field;
  });
  EXPECT_EQ(first, "field0");
  hash.set("field511", "changed");
  EXPECT_TRUE(hash.is_packed());
  hash.set("one more", "v");
  EXPECT_FALSE(hash.is_packed());
  EXPECT_EQ(hash.size(), 513u);
  EXPECT_EQ(hash.find("field511"), "changed");

  HashValue wide;
  wide.set("a", std::string(100'000, 'x'));
  EXPECT_FALSE(wide.is_packed());
}

TEST(HashValue, many_fields_take_no_quadratic_time) {
  HashValue hash;
  for (int i = 0; i < 200'000; ++i) hash.set("field" + std::to_string(i), "v");
  EXPECT_EQ(hash.size(), 200'000u);
  for (int i = 0; i < 200'000; ++i) ASSERT_TRUE(hash.erase("field" + std::to_string(i)));
  EXPECT_TRUE(hash.is_empty());
}

std::string id_of(std::uint64_t number) {
  char text[40];
  std::snprintf(text, sizeof text, "%032llx", static_cast<unsigned long long>(number));
  return text;
}

TEST(SortedPairs, are_in_order_and_take_little_more_than_their_bytes) {
  for (const bool comes_in_order : {true, false}) {
    std::mt19937_64 random{1};
    SortedPairs pairs;
    std::set<std::string> ids;
    for (std::uint64_t i = 0; i < 1'000; ++i) {
      const std::string id = id_of(comes_in_order ? i : random());
      pairs.set(id, "");
      ids.insert(id);
    }
    EXPECT_LT(pairs.memory_bytes(), 34u * 1'000u * 5 / 4);
    auto expected = ids.begin();
    pairs.for_each([&](std::string_view id, std::string_view) {
      EXPECT_EQ(id, *expected);
      ++expected;
    });
    EXPECT_EQ(expected, ids.end());

    // What is left of most of them after a while takes no more than its share.
    const SortedPairs before = pairs.clone();
    for (std::size_t i = 0; const std::string& id : ids) {
      if (i++ % 10 != 0) {
        EXPECT_TRUE(pairs.erase(id));
      }
    }
    EXPECT_EQ(pairs.size(), 100u);
    EXPECT_LT(pairs.memory_bytes(), before.memory_bytes() / 3);
    EXPECT_EQ(before.size(), 1'000u);
    EXPECT_EQ(before.find(*ids.rbegin()), "");
  }
}

}  // namespace
}  // namespace greenroom::test
