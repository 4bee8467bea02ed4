// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/keyspace.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "resp/error_text.hpp"
#include "resp/glob.hpp"
#include "resp/keyspace_request.hpp"
#include "server/key_request.hpp"

namespace greenroom {

using namespace troupe;

namespace {

// What one SCAN may look at: the client's COUNT is a wish.
constexpr std::int64_t max_scan_count = 10'000;
// Requests under way at once when every key is asked something.
constexpr std::size_t max_in_flight = 512;

// Keys of the database that match, from `cursor` on; moves the cursor.
std::vector<std::string> some_keys(const KeyTable& table, std::uint64_t& cursor, std::size_t count,
                                   std::uint8_t database, std::string_view pattern) {
  std::vector<std::string> keys;
  cursor = table.scan(cursor, count, [&](std::string_view stored, Pid) {
    if (database_of(stored) == database && glob_match(pattern, key_in(stored))) {
      keys.emplace_back(key_in(stored));
    }
  });
  return keys;
}

std::vector<std::string> all_keys(const KeyTable& table, std::uint8_t database,
                                  std::string_view pattern) {
  std::vector<std::string> keys;
  std::uint64_t cursor = 0;
  do {
    for (std::string& key : some_keys(table, cursor, 1'000, database, pattern)) {
      keys.push_back(std::move(key));
    }
  } while (cursor != 0);
  return keys;
}

// Asks the process of each key the same command; the replies in the same order.
Async<std::vector<std::string>> ask_all(Process& self, HouseRef house, CommandId command,
                                        std::uint8_t database,
                                        const std::vector<std::string>& keys) {
  std::vector<std::string> replies;
  replies.reserve(keys.size());
  const CommandSpec& spec = command_spec(command);
  std::deque<KeyRequest> in_flight;
  for (std::size_t next = 0; next < keys.size() || !in_flight.empty();) {
    if (next < keys.size() && in_flight.size() < max_in_flight) {
      const std::string_view words[] = {spec.name, keys[next++]};
      in_flight.emplace_back(house, spec, words, database,
                             KeyRequest::Asker{0, RespVersion::resp2, false, false});
      co_await in_flight.back().send(self);
      continue;
    }
    replies.push_back(co_await in_flight.front().reply(self));
    in_flight.pop_front();
  }
  co_return replies;
}

Async<> remove_all(Process& self, HouseRef house, std::uint8_t database) {
  const std::vector<std::string> keys = all_keys(house->sessions, database, "*");
  (void)co_await ask_all(self, house, CommandId::del, database, keys);
}

Async<std::string> answer_scan(Process& self, HouseRef house,
                               std::span<const std::string_view> words, std::uint8_t database,
                               RespVersion version) {
  std::string out;
  ReplyWriter reply{out, version};
  const auto request = parse_scan(words);
  if (!request) {
    reply.error(request.error());
    co_return out;
  }
  std::uint64_t cursor = request->cursor;
  const auto count = static_cast<std::size_t>(std::min(request->count, max_scan_count));
  std::vector<std::string> keys =
      some_keys(house->sessions, cursor, count, database, request->pattern);
  if (!request->type.empty()) {
    const std::vector<std::string> types =
        co_await ask_all(self, house, CommandId::type, database, keys);
    const std::string wanted = "+" + std::string{request->type} + "\r\n";
    std::vector<std::string> of_type;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (types[i] == wanted) of_type.push_back(std::move(keys[i]));
    }
    keys = std::move(of_type);
  }
  reply.array(2);
  reply.bulk(std::to_string(cursor));
  reply.array(keys.size());
  for (const std::string& key : keys) reply.bulk(key);
  co_return out;
}

// A key from a random place of the table; empty if there is none.
std::optional<std::string> random_key(Process& self, const KeyTable& table, std::uint8_t database) {
  // The cursor counts shards, of which there are 4096 (key_table.cpp); any start will do, and the
  // scan goes around once.
  std::uint64_t cursor = self.random() % 4096;
  bool wrapped = false;
  for (;;) {
    const std::vector<std::string> keys = some_keys(table, cursor, 16, database, "*");
    if (!keys.empty()) return keys[self.random() % keys.size()];
    if (cursor != 0) continue;
    if (std::exchange(wrapped, true)) return std::nullopt;
  }
}

}  // namespace

Async<std::string> answer_keyspace(Process& self, HouseRef house, const CommandSpec& command,
                                   std::span<const std::string_view> words, std::uint8_t database,
                                   RespVersion version) {
  std::string out;
  ReplyWriter reply{out, version};
  switch (command.id) {
    case CommandId::dbsize:
      reply.integer(house->counters.keys[database].load(std::memory_order_relaxed));
      break;
    case CommandId::keys: {
      const std::vector<std::string> keys = all_keys(house->sessions, database, words[1]);
      reply.array(keys.size());
      for (const std::string& key : keys) reply.bulk(key);
      break;
    }
    case CommandId::scan:
      co_return co_await answer_scan(self, house, words, database, version);
    case CommandId::randomkey: {
      const auto key = random_key(self, house->sessions, database);
      if (key) {
        reply.bulk(*key);
      } else {
        reply.null();
      }
      break;
    }
    case CommandId::flushall:
    case CommandId::flushdb: {
      const auto mode = parse_flush(words);
      if (!mode) {
        reply.error(mode.error());
        break;
      }
      // ASYNC asks for no more than not to be blocked, and nobody else is by either.
      const bool everything = command.id == CommandId::flushall;
      const unsigned first = everything ? 0 : database;
      const unsigned last = everything ? 15 : database;
      for (unsigned each = first; each <= last; ++each) {
        co_await remove_all(self, house, static_cast<std::uint8_t>(each));
      }
      reply.ok();
      break;
    }
    default:
      reply.error("ERR this command on all keys is not supported");
      break;
  }
  co_return out;
}

}  // namespace greenroom
