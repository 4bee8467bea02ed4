// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Commands on all keys: that nobody waits for them, and that they do what they say meanwhile.
#include "server/keyspace.hpp"

#include <gtest/gtest.h>
#include <optional>
#include <set>

#include "greenroom/session_world.hpp"

namespace greenroom {
namespace {

using namespace troupe;
using namespace std::chrono_literals;
using namespace test;

constexpr std::size_t no_limit = SIZE_MAX;

Async<std::string> answer(Process& self, ServerPtr server, Words words, std::uint8_t database,
                          std::size_t max_reply_bytes = no_limit) {
  const std::vector<std::string_view> views{words.begin(), words.end()};
  co_return co_await answer_keyspace(self, HouseRef{&server->house}, *find_command(views[0]), views,
                                     database, RespVersion::resp2, max_reply_bytes);
}

struct Counted {
  int turns = 0;  // that somebody else had before the answer was there
  std::string reply;
};

Async<Counted> count_turns(Process& self, ServerPtr server, Words words, std::uint8_t database) {
  spawn_link(
      [](Process& asker, Pid owner, ServerPtr of, Words what, std::uint8_t where) -> Async<> {
        Answer told;
        told.reply = co_await answer(asker, of, std::move(what), where);
        send(owner, std::move(told));
      },
      self.pid(), server, std::move(words), std::uint8_t{database});
  Counted counted;
  for (;;) {
    ++counted.turns;
    co_await self.yield();
    auto told = co_await self.receive<Answer>(0ms);
    if (!told) continue;
    counted.reply = std::move(told->reply);
    co_return counted;
  }
}

Async<> others_have_their_turn(Process& self, ServerPtr server) {
  // Their names are enough.
  constexpr int keys = 50'000;
  for (int i = 0; i < keys; ++i) {
    server->house.sessions.insert(storage_key(0, "key:" + std::to_string(i)), self.pid());
  }
  const struct {
    Words words;
    std::uint8_t database;
    std::string reply;
  } cases[] = {
      {{"KEYS", "*"}, 0, "*50000\r\n"},
      {{"KEYS", "nothing:*"}, 0, "*0\r\n"},
      {{"SCAN", "0", "COUNT", "10000", "MATCH", "nothing:*"}, 0, "*2\r\n"},
      {{"RANDOMKEY"}, 1, "$-1\r\n"},
      {{"FLUSHDB"}, 1, "+OK\r\n"},
  };
  for (const auto& each : cases) {
    const Counted counted = co_await count_turns(self, server, each.words, each.database);
    EXPECT_TRUE(counted.reply.starts_with(each.reply)) << each.words[0];
    const int slices = each.words[0] == "SCAN" ? 10 : keys / 1'000;
    EXPECT_GT(counted.turns, slices / 3) << each.words[0];
  }
}

TEST(Keyspace, lets_others_have_their_turn_while_it_looks_at_all_keys) {
  in_every_schedule(others_have_their_turn);
}

Async<> large_replies_are_refused(Process& self, ServerPtr server) {
  for (int i = 0; i < 5'000; ++i) {
    server->house.sessions.insert(storage_key(0, "key:" + std::to_string(1'000 + i)), self.pid());
  }
  Words all{"KEYS", "*"};
  const std::string reply = co_await answer(self, server, all, 0);
  EXPECT_TRUE(reply.starts_with("*5000\r\n"));
  EXPECT_EQ(co_await answer(self, server, all, 0, reply.size()), reply);
  EXPECT_TRUE(
      (co_await answer(self, server, all, 0, reply.size() / 2)).starts_with("-ERR the reply"));
  Words few{"KEYS", "key:1*"};
  EXPECT_TRUE((co_await answer(self, server, few, 0, reply.size() / 2)).starts_with("*1000\r\n"));
}

TEST(Keyspace, keys_that_are_more_than_a_reply_may_be_are_an_error) {
  in_every_schedule(large_replies_are_refused);
}

// A page of SCAN ends where its keys are long, and the pages together are all keys.
Async<> long_keys_are_told_in_shorter_pages(Process& self, ServerPtr server) {
  constexpr std::size_t keys = 5'000;
  const std::string rest(1'000, 'x');
  for (std::size_t i = 0; i < keys; ++i) {
    server->house.sessions.insert(storage_key(0, std::to_string(1'000 + i) + rest), self.pid());
  }
  std::set<std::string> told;
  std::string cursor = "0";
  int pages = 0;
  do {
    Words page{"SCAN", cursor, "COUNT", "10000"};
    const std::string reply = co_await answer(self, server, page, 0);
    EXPECT_LT(reply.size(), std::size_t{3} << 20);
    const std::size_t begin = reply.find("\r\n", 4) + 2;
    cursor = reply.substr(begin, reply.find("\r\n", begin) - begin);
    for (std::size_t at = reply.find(rest); at != std::string::npos;
         at = reply.find(rest, at + 1)) {
      told.insert(reply.substr(at - 4, 4));
    }
    ++pages;
  } while (cursor != "0");
  EXPECT_EQ(told.size(), keys);
  EXPECT_GT(pages, 1);
}

TEST(Keyspace, a_page_of_a_scan_ends_where_the_keys_are_long) {
  in_every_schedule(long_keys_are_told_in_shorter_pages);
}

Async<> any_key_may_be_drawn(Process& self, ServerPtr server) {
  for (int i = 0; i < 2'000; ++i) {
    server->house.sessions.insert(storage_key(0, "key:" + std::to_string(i)), self.pid());
  }
  std::set<std::string> drawn;
  for (int i = 0; i < 100; ++i) {
    Words draw{"RANDOMKEY"};
    drawn.insert(co_await answer(self, server, draw, 0));
  }
  EXPECT_GT(drawn.size(), 60u) << "about 97, where each of them is as likely";
}

TEST(Keyspace, a_random_key_may_be_any_of_them) { in_every_schedule(any_key_may_be_drawn); }

Async<> every_key_is_deleted(Process& self, ServerPtr server) {
  World world{self, server};
  SessionHouse& house = world.house();
  for (int i = 0; i < 3'000; ++i) {
    Words save{"SET", "key:" + std::to_string(i), "x"};
    EXPECT_EQ(co_await world(1, save), "+OK\r\n");
  }
  // Names of another database, of nobody who could be asked.
  house.sessions.insert(storage_key(3, "other"), self.pid());
  Words flush{"FLUSHDB"};
  EXPECT_EQ(co_await answer(self, server, flush, 0), "+OK\r\n");
  EXPECT_EQ(house.sessions.size(), 1u);
  EXPECT_EQ(house.counters.keys[0], 0);
  house.sessions.erase(storage_key(3, "other"), self.pid());
  Words save{"SET", "key", "x"};
  EXPECT_EQ(co_await world(1, save), "+OK\r\n");
  Words all{"FLUSHALL"};
  EXPECT_EQ(co_await answer(self, server, all, 7), "+OK\r\n");
  EXPECT_EQ(house.sessions.size(), 0u);
}

TEST(Keyspace, flushing_deletes_slice_by_slice_until_all_are_gone) {
  in_every_schedule(every_key_is_deleted);
}

}  // namespace
}  // namespace greenroom
