// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resp/channels.hpp"
#include "resp/connection_state.hpp"
#include "resp/parser.hpp"
#include "resp/server_facts.hpp"
#include "resp/slow_log.hpp"
#include "session/key_state.hpp"
#include "session/session.hpp"

namespace greenroom::test {

// All of Greenroom's protocol and commands without processes, sockets, disk or clock: keys are
// entries of a map, and time stands still until it is set. What the tests and the fuzzer drive, and
// the shortest example of how the parts fit together.
class LocalServer {
 public:
  using Key = std::pair<std::uint8_t, std::string>;  // Database, name.

  explicit LocalServer(std::string password = {});

  std::int64_t now_ms = 1'700'000'000'000;
  RequestLimits limits;
  std::size_t max_string_bytes = 64u << 20;
  ServerFacts facts;

  std::map<Key, KeyState> sessions;   // With a value, or a tombstone.
  std::map<Key, std::string> stored;  // What storage would hold: encoded keys.
  std::vector<std::uint64_t> killed;  // By CLIENT KILL.
  KeyOutcome last_outcome;
  PrefixRules prefix_rules;
  Channels channels;
  SlowLog slow_log;

  std::shared_ptr<const ServerRules> rules() const { return rules_; }
  std::uint64_t next_id() { return next_id_++; }

  // Applies a request of one key, or a part of one of many, and keeps `stored` up to date.
  std::string apply_to_key(std::string_view key, const CommandSpec& command,
                           std::span<const std::string_view> words, const ConnectionState& state);

  // Carries out a command on several keys, or on one within a transaction.
  std::string apply_together(const CommandSpec& command, std::span<const std::string_view> words,
                             const ConnectionState& state);

  void answer_keyspace(const CommandSpec& command, std::span<const std::string_view> words,
                       const ConnectionState& state, ReplyWriter& reply);

 private:
  std::vector<std::string_view> live_keys(std::uint8_t database, std::string_view pattern,
                                          std::string_view type) const;

  ApplyContext context(const ConnectionState& state) const;
  void keep(const Key& key, const KeyState& state);

  std::shared_ptr<const ServerRules> rules_;
  std::uint64_t next_id_ = 1;
};

// One client's end of a LocalServer.
class LocalConnection {
 public:
  explicit LocalConnection(LocalServer& server);

  // Sends bytes, cut as they are, and returns the replies to what became complete.
  std::string send(std::string_view bytes);

  // The messages of its channels that have come since.
  std::string publications();

  bool is_closed() const { return closed_; }
  const ConnectionState& state() const { return state_; }
  RequestParser& parser() { return parser_; }

 private:
  void serve(std::span<const std::string_view> words, std::string& out);
  // A subscriber that keeps what it gets.
  struct End final : SubscriberEnd {
    void deliver(Publication publication) override { came.push_back(std::move(publication)); }
    std::vector<Publication> came;
  };

  std::string fetch(const Verdict& verdict);
  std::string run_transaction();

  LocalServer& server_;
  RequestParser parser_;
  ConnectionState state_;
  std::shared_ptr<End> end_ = std::make_shared<End>();
  Subscriptions subscriptions_;
  std::map<LocalServer::Key, std::uint64_t> watched_;  // Revisions, 0 for an absent key.
  bool closed_ = false;
};

// A request as an array of bulk strings.
std::string request(std::initializer_list<std::string_view> words);
std::string request(const std::vector<std::string>& words);

}  // namespace greenroom::test
