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

// What one SCAN may look at, and about what it may answer: the client's COUNT is a wish.
constexpr std::int64_t max_scan_count = 10'000;
constexpr std::size_t max_scan_bytes = 1u << 20;
// Requests under way at once when every key is asked something.
constexpr std::size_t max_in_flight = 512;
// Keys looked at in one go when all are, in a few hundred microseconds; then the others of this
// worker have their turn.
constexpr std::size_t looked_at_at_once = 1'000;

// The keys, as stored, that match in a database (none: in all), from `cursor` on; moves the cursor.
std::vector<std::string> some_keys(const KeyTable& table, std::uint64_t& cursor, std::size_t count,
                                   std::optional<std::uint8_t> database, std::string_view pattern) {
  std::vector<std::string> keys;
  cursor = table.scan(cursor, count, [&](std::string_view stored, Pid) {
    if (database.value_or(database_of(stored)) == database_of(stored) &&
        glob_match(pattern, key_in(stored))) {
      keys.emplace_back(stored);
    }
  });
  return keys;
}

// Asks the process of each key the same command; the replies in the same order.
Async<std::vector<std::string>> ask_all(Process& self, HouseRef house, CommandId command,
                                        const std::vector<std::string>& keys) {
  std::vector<std::string> replies;
  replies.reserve(keys.size());
  const CommandSpec& spec = command_spec(command);
  std::deque<KeyRequest> in_flight;
  for (std::size_t next = 0; next < keys.size() || !in_flight.empty();) {
    if (next < keys.size() && in_flight.size() < max_in_flight) {
      const std::string& key = keys[next++];
      const std::string_view words[] = {spec.name, key_in(key)};
      in_flight.emplace_back(house, spec, words, database_of(key),
                             KeyRequest::Asker{0, RespVersion::resp2, false, false});
      co_await in_flight.back().send(self);
      continue;
    }
    replies.push_back(co_await in_flight.front().reply(self));
    in_flight.pop_front();
  }
  co_return replies;
}

Async<std::string> answer_keys(Process& self, HouseRef house, std::uint8_t database,
                               std::string_view pattern, RespVersion version,
                               std::size_t max_reply_bytes) {
  std::string names;
  ReplyWriter name{names, version};
  std::size_t count = 0;
  for (std::uint64_t cursor = 0;;) {
    for (const std::string& key :
         some_keys(house->sessions, cursor, looked_at_at_once, database, pattern)) {
      name.bulk(key_in(key));
      ++count;
    }
    if (names.size() > max_reply_bytes) co_return error_text::too_large_reply(max_reply_bytes);
    if (cursor == 0) break;
    co_await self.yield();
  }
  std::string out;
  ReplyWriter{out, version}.array(count);
  out += names;
  co_return out;
}

// Those of a database, or all. Goes on behind what it has deleted, so that somebody who writes all
// the time does not keep it from coming to an end.
Async<> remove_all(Process& self, HouseRef house, std::optional<std::uint8_t> database) {
  for (std::uint64_t cursor = 0;;) {
    const std::vector<std::string> keys =
        some_keys(house->sessions, cursor, looked_at_at_once, database, "*");
    (void)co_await ask_all(self, house, CommandId::del, keys);
    if (cursor == 0) co_return;
    co_await self.yield();
  }
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
  std::vector<std::string> keys;
  std::size_t bytes = 0;
  for (auto left = static_cast<std::size_t>(std::min(request->count, max_scan_count));;) {
    const std::size_t count = std::min(left, looked_at_at_once);
    for (std::string& key : some_keys(house->sessions, cursor, count, database, request->pattern)) {
      bytes += key.size();
      keys.push_back(std::move(key));
    }
    left -= count;
    if (left == 0 || cursor == 0 || bytes > max_scan_bytes) break;
    co_await self.yield();
  }
  if (!request->type.empty()) {
    const std::vector<std::string> types = co_await ask_all(self, house, CommandId::type, keys);
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
  for (const std::string& key : keys) reply.bulk(key_in(key));
  co_return out;
}

// A key from a random place of the table; nothing if there is none.
Async<std::optional<std::string>> random_key(Process& self, HouseRef house, std::uint8_t database) {
  // A cursor is a shard and a hash in it (base/concurrent_map.hpp). One beyond the last shard is an
  // end like any other, and then the scan begins at the first key.
  constexpr std::uint64_t shards = 64;
  std::uint64_t cursor = self.random() % (shards << 32);
  bool wrapped = false;
  for (std::size_t count = 16;; count = looked_at_at_once) {
    const std::vector<std::string> keys = some_keys(house->sessions, cursor, count, database, "*");
    if (!keys.empty()) co_return std::string{key_in(keys[self.random() % keys.size()])};
    if (cursor == 0 && std::exchange(wrapped, true)) co_return std::nullopt;
    co_await self.yield();
  }
}

}  // namespace

Async<std::string> answer_keyspace(Process& self, HouseRef house, const CommandSpec& command,
                                   std::span<const std::string_view> words, std::uint8_t database,
                                   RespVersion version, std::size_t max_reply_bytes) {
  std::string out;
  ReplyWriter reply{out, version};
  switch (command.id) {
    case CommandId::dbsize:
      reply.integer(house->counters.keys[database].load(std::memory_order_relaxed));
      break;
    case CommandId::keys:
      co_return co_await answer_keys(self, house, database, words[1], version, max_reply_bytes);
    case CommandId::scan:
      co_return co_await answer_scan(self, house, words, database, version);
    case CommandId::randomkey: {
      const auto key = co_await random_key(self, house, database);
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
      co_await remove_all(self, house, everything ? std::nullopt : std::optional{database});
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
