// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resp/command_table.hpp"
#include "resp/reply_writer.hpp"
#include "resp/server_rules.hpp"

namespace greenroom {

// One connection as CLIENT LIST shows it; what connection processes tell each other about
// themselves. Plain values, so it is a message as it stands.
struct ClientFacts {
  std::uint64_t id = 0;
  std::string address;  // "127.0.0.1:50312"
  std::string local_address;
  std::string name;
  std::string library;
  std::string library_version;
  std::string user = "default";
  std::string last_command;  // Full name, "client|list".
  std::int64_t connected_at_ms = 0;
  std::int64_t last_request_at_ms = 0;
  std::uint8_t database = 0;
  RespVersion version = RespVersion::resp2;
  bool is_blocked = false;  // It waits for a lock or an event.
  bool is_no_evict = false;
  bool is_no_touch = false;
  std::uint64_t channels = 0;      // It listens to so many,
  std::uint64_t patterns = 0;      // and to so many patterns.
  std::int64_t queued = -1;        // Commands behind MULTI; -1: no transaction.
  std::uint64_t unread_bytes = 0;  // Of an unfinished request.
  std::uint64_t unsent_bytes = 0;  // Replies that the client has not taken.
  std::uint64_t buffer_bytes = 0;  // Memory for both, and for what is about to come.
};

// The line of CLIENT LIST and CLIENT INFO, without the line end.
std::string client_line(const ClientFacts& client, std::int64_t now_ms);

// Answers the commands of Verdict::Action::ask_connections to a whole request:
//
// - CLIENT LIST [TYPE type | ID id ...]
// - CLIENT KILL address, or CLIENT KILL with filters
//
// Returns the connections that have to be closed: `own_id` may be among them, and is closed after
// its reply was sent.
struct ClientsAsked {
  std::span<const ClientFacts> clients;
  const ServerRules& rules;  // which users there are
  std::uint64_t own_id;
  std::int64_t now_ms;
};
std::vector<std::uint64_t> answer_connections(const CommandSpec& command,
                                              std::span<const std::string_view> words,
                                              const ClientsAsked& asked, ReplyWriter& reply);

}  // namespace greenroom
