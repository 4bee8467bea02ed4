// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/client_facts.hpp"

#include <algorithm>
#include <expected>
#include <optional>

#include "resp/error_text.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"

namespace greenroom {
namespace {

using Words = std::span<const std::string_view>;

std::uint64_t seconds_since(std::int64_t then_ms, std::int64_t now_ms) {
  return now_ms > then_ms ? static_cast<std::uint64_t>(now_ms - then_ms) / 1000 : 0;
}

std::string flags_of(const ClientFacts& client) {
  std::string flags;
  if (client.channels + client.patterns > 0) flags.push_back('P');
  if (client.is_blocked) flags.push_back('b');
  if (client.queued >= 0) flags.push_back('x');
  if (client.is_no_evict) flags.push_back('e');
  if (client.is_no_touch) flags.push_back('T');
  return flags.empty() ? "N" : flags;
}

// There are no replicas here; their names are known, and match nobody.
enum class ClientType : std::uint8_t { normal, pubsub, none };

std::optional<ClientType> parse_type(std::string_view type) {
  if (same_word(type, "normal")) return ClientType::normal;
  if (same_word(type, "pubsub")) return ClientType::pubsub;
  for (std::string_view other : {"master", "slave", "replica"})
    if (same_word(type, other)) return ClientType::none;
  return std::nullopt;
}

bool is_of(ClientType type, const ClientFacts& client) {
  const bool listens = client.channels + client.patterns > 0;
  return type == (listens ? ClientType::pubsub : ClientType::normal);
}

std::string unknown_type(std::string_view type) {
  return "ERR Unknown client type '" + std::string(error_text::echoed(type)) + "'";
}

// Which connections CLIENT KILL means: all conditions given must hold.
struct KillFilter {
  std::optional<std::int64_t> id;
  std::optional<std::string_view> address;
  std::optional<std::string_view> local_address;
  std::optional<ClientType> type;
  std::optional<std::string_view> user;
  bool spares_self = true;

  bool matches(const ClientFacts& client, std::uint64_t own_id) const {
    return (!type || is_of(*type, client)) &&
           (!id || client.id == static_cast<std::uint64_t>(*id)) &&
           (!address || client.address == *address) &&
           (!local_address || client.local_address == *local_address) &&
           (!user || client.user == *user) && !(spares_self && client.id == own_id);
  }
};

// Reads one "OPTION value" pair; the error is the text for the client.
std::expected<void, std::string> read_kill_option(std::string_view option, std::string_view value,
                                                  const ServerRules& rules, KillFilter& filter) {
  if (same_word(option, "id")) {
    filter.id = parse_integer(value);
    if (!filter.id || *filter.id < 1)
      return std::unexpected("ERR client-id should be greater than 0");
  } else if (same_word(option, "type")) {
    filter.type = parse_type(value);
    if (!filter.type) return std::unexpected(unknown_type(value));
  } else if (same_word(option, "addr")) {
    filter.address = value;
  } else if (same_word(option, "laddr")) {
    filter.local_address = value;
  } else if (same_word(option, "user")) {
    if (value != "default" && rules.find_user(value) == nullptr)
      return std::unexpected("ERR No such user '" + std::string(value.substr(0, 128)) + "'");
    filter.user = value;
  } else if (same_word(option, "skipme") && (same_word(value, "yes") || same_word(value, "no"))) {
    filter.spares_self = same_word(value, "yes");
  } else {
    return std::unexpected(std::string(error_text::syntax));
  }
  return {};
}

std::vector<std::uint64_t> matching(std::span<const ClientFacts> clients, const KillFilter& filter,
                                    std::uint64_t own_id) {
  std::vector<std::uint64_t> ids;
  for (const ClientFacts& client : clients)
    if (filter.matches(client, own_id)) ids.push_back(client.id);
  return ids;
}

void answer_client_list(Words words, std::span<const ClientFacts> clients, std::int64_t now_ms,
                        ReplyWriter& reply) {
  std::optional<std::vector<std::uint64_t>> ids;
  std::optional<ClientType> type;
  if (words.size() == 4 && same_word(words[2], "type")) {
    type = parse_type(words[3]);
    if (!type) return reply.error(unknown_type(words[3]));
  } else if (words.size() > 3 && same_word(words[2], "id")) {
    ids.emplace();
    for (std::string_view word : words.subspan(3)) {
      auto id = parse_integer(word);
      if (!id || *id < 0) return reply.error("ERR Invalid client ID");
      ids->push_back(static_cast<std::uint64_t>(*id));
    }
    std::ranges::sort(*ids);
  } else if (words.size() != 2) {
    return reply.error(error_text::syntax);
  }
  std::string text;
  for (const ClientFacts& client : clients) {
    if ((type && !is_of(*type, client)) || (ids && !std::ranges::binary_search(*ids, client.id)))
      continue;
    text.append(client_line(client, now_ms)).append("\n");
  }
  reply.text(text);
}

std::vector<std::uint64_t> answer_client_kill(Words words, const ClientsAsked& asked,
                                              ReplyWriter& reply) {
  KillFilter filter;
  if (words.size() == 3) {  // The old form names one address, one's own included.
    filter.address = words[2];
    filter.spares_self = false;
    auto ids = matching(asked.clients, filter, asked.own_id);
    if (ids.empty()) {
      reply.error("ERR No such client");
    } else {
      reply.ok();
    }
    return ids;
  }
  if (words.size() % 2 != 0) {
    reply.error(error_text::syntax);
    return {};
  }
  for (std::size_t i = 2; i < words.size(); i += 2) {
    if (auto read = read_kill_option(words[i], words[i + 1], asked.rules, filter); !read) {
      reply.error(read.error());
      return {};
    }
  }
  auto ids = matching(asked.clients, filter, asked.own_id);
  reply.integer(static_cast<std::int64_t>(ids.size()));
  return ids;
}

}  // namespace

std::string client_line(const ClientFacts& client, std::int64_t now_ms) {
  std::string line;
  auto add = [&line](std::string_view name, std::string_view value) {
    if (!line.empty()) line.push_back(' ');
    line.append(name).append("=").append(value);
  };
  auto count = [&add](std::string_view name, std::uint64_t value) {
    add(name, std::to_string(value));
  };
  count("id", client.id);
  add("addr", client.address);
  add("laddr", client.local_address);
  count("fd", 0);
  add("name", client.name);
  count("age", seconds_since(client.connected_at_ms, now_ms));
  count("idle", seconds_since(client.last_request_at_ms, now_ms));
  add("flags", flags_of(client));
  count("db", client.database);
  count("sub", client.channels);
  count("psub", client.patterns);
  count("ssub", 0);
  add("multi", std::to_string(client.queued));
  count("qbuf", client.unread_bytes);
  count("qbuf-free", 0);
  count("argv-mem", 0);
  count("multi-mem", 0);
  count("rbs", 0);
  count("rbp", 0);
  count("obl", 0);
  count("oll", 0);
  count("omem", client.unsent_bytes);
  count("tot-mem", client.buffer_bytes);
  add("events", "r");
  add("cmd", client.last_command.empty() ? std::string_view{"NULL"} : client.last_command);
  add("user", client.user);
  add("redir", "-1");
  count("resp", static_cast<std::uint64_t>(client.version));
  add("lib-name", client.library);
  add("lib-ver", client.library_version);
  return line;
}

std::vector<std::uint64_t> answer_connections(const CommandSpec& command, Words words,
                                              const ClientsAsked& asked, ReplyWriter& reply) {
  if (command.id == CommandId::client_kill) return answer_client_kill(words, asked, reply);
  answer_client_list(words, asked.clients, asked.now_ms, reply);
  return {};
}

}  // namespace greenroom
