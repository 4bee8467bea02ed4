// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "greenroom/local_server.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "resp/glob.hpp"
#include "resp/keyspace_request.hpp"
#include "resp/packed_command.hpp"
#include "session/codec.hpp"
#include "session/held_keys.hpp"
#include "session/storage_key.hpp"

namespace greenroom::test {
namespace {

using Words = std::span<const std::string_view>;

template <class List>
std::string make_request(const List& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto& word : words)
    bytes.append("$" + std::to_string(word.size()) + "\r\n").append(word).append("\r\n");
  return bytes;
}

// A server whose settings are all fixed.
class Unchangeable final : public SettingChanges {
 public:
  std::optional<std::string> change(std::string_view, std::string_view, Mode) override {
    return std::string{};
  }
};

}  // namespace

std::string request(std::initializer_list<std::string_view> words) { return make_request(words); }
std::string request(const std::vector<std::string>& words) { return make_request(words); }

LocalServer::LocalServer(std::string password)
    : rules_{std::make_shared<ServerRules>(ServerRules{.password = std::move(password)})} {
  facts.settings = {{"save", ""}, {"appendonly", "no"}, {"maxmemory", "0"}, {"timeout", "0"}};
}

ApplyContext LocalServer::context(const ConnectionState& state) const {
  return {.now_ms = now_ms,
          .version = state.version(),
          .max_string_bytes = max_string_bytes,
          .counts_as_access = !state.is_no_touch(),
          .client = state.id(),
          .random = 4};  // Chosen by fair dice roll: tests want the same each time.
}

void LocalServer::keep(const Key& key, const KeyState& state) {
  if (state.session.exists() || state.dead_until_ms() != 0) {
    stored[key] = encode_key(state);
  } else {
    sessions.erase(key);
    stored.erase(key);
  }
}

std::string LocalServer::apply_to_key(std::string_view key, const CommandSpec& command, Words words,
                                      const ConnectionState& state) {
  // As a real connection does: the request travels as a message of its own.
  PackedCommand message = pack_command(command.id, words);
  CommandWords received{message};
  std::string reply;
  Key name{state.database(), key};
  KeyState& kept = sessions[name];
  last_outcome = perform(kept, prefix_rules.find(key), key, command_spec(message.id),
                         received.view(), context(state), reply);
  if (!kept.session.exists() || last_outcome.must_store()) keep(name, kept);
  return reply;
}

std::string LocalServer::apply_together(const CommandSpec& command, Words words,
                                        const ConnectionState& state) {
  HeldKeys held{prefix_rules};
  for (const std::string& key : keys_to_hold(command, words, state.database())) {
    const auto found = sessions.find(Key{database_of(key), key_in(key)});
    held.add(key, found == sessions.end() ? KeyState{} : found->second.clone());
  }
  std::string reply;
  apply_held(command, words, state.database(), held, context(state), reply);
  for (auto& [key, state_held] : held.all()) {
    if (!state_held.changed) continue;
    const Key name{database_of(key), key_in(key)};
    KeyState& kept = sessions[name];
    kept = std::move(state_held.state);
    keep(name, kept);
  }
  return reply;
}

std::vector<std::string_view> LocalServer::live_keys(std::uint8_t database,
                                                     std::string_view pattern,
                                                     std::string_view type) const {
  std::vector<std::string_view> keys;
  for (const auto& [key, state] : sessions)
    if (key.first == database && state.session.exists() && !state.session.is_due(now_ms) &&
        glob_match(pattern, key.second) &&
        (type.empty() || type == type_name(state.session.type())))
      keys.push_back(key.second);
  return keys;
}

void LocalServer::answer_keyspace(const CommandSpec& command, Words words,
                                  const ConnectionState& state, ReplyWriter& reply) {
  auto write_keys = [&](const std::vector<std::string_view>& keys) {
    reply.array(keys.size());
    for (std::string_view key : keys) reply.bulk(key);
  };
  switch (command.id) {
    case CommandId::dbsize:
      return reply.integer(static_cast<std::int64_t>(live_keys(state.database(), "*", "").size()));
    case CommandId::keys:
      return write_keys(live_keys(state.database(), words[1], ""));
    case CommandId::scan: {
      auto scan = parse_scan(words);
      if (!scan) return reply.error(scan.error());
      reply.array(2);
      reply.bulk("0");
      return write_keys(live_keys(state.database(), scan->pattern, scan->type));
    }
    case CommandId::randomkey: {
      auto keys = live_keys(state.database(), "*", "");
      return keys.empty() ? reply.null() : reply.bulk(keys.front());
    }
    default: {
      if (auto mode = parse_flush(words); !mode) return reply.error(mode.error());
      bool all = command.id == CommandId::flushall;
      auto goes = [&](const auto& entry) { return all || entry.first.first == state.database(); };
      std::erase_if(sessions, goes);
      std::erase_if(stored, goes);
      return reply.ok();
    }
  }
}

LocalConnection::LocalConnection(LocalServer& server)
    : server_{server},
      parser_{server.limits},
      state_{server.rules(), server.next_id(), "127.0.0.1:50000", "127.0.0.1:6380", server.now_ms},
      subscriptions_{server.channels, state_.id(), end_} {
  parser_.set_peer(state_.peer());
}

std::string LocalConnection::send(std::string_view bytes) {
  std::string out;
  if (closed_) return out;
  parser_.feed(bytes);
  for (;;) {
    ParseStep step = parser_.next();
    if (step == ParseStep::failed) {
      ReplyWriter{out, state_.version()}.error(parser_.error());
      closed_ = true;
    }
    if (step != ParseStep::request) return out;
    serve(parser_.arguments(), out);
    if (closed_) return out;
    parser_.set_peer(state_.peer());
  }
}

std::string LocalConnection::publications() {
  std::string out;
  for (const Publication& publication : end_->came) publication.write(out, state_.version());
  end_->came.clear();
  return out;
}

void LocalConnection::serve(Words words, std::string& out) {
  Verdict verdict = state_.take(words, server_.now_ms, out);
  const std::string reply = fetch(verdict);
  if (!verdict.wants_reply) return;
  out.append(publications());
  out.append(reply);
}

std::string LocalConnection::run_transaction() {
  std::string out;
  bool touched = false;
  for (const auto& [key, revision] : std::exchange(watched_, {})) {
    const auto found = server_.sessions.find(key);
    touched |= revision != (found == server_.sessions.end() ? 0 : found->second.session.revision());
  }
  const auto queue = state_.take_transaction();
  if (touched) {
    ReplyWriter{out, state_.version()}.null_array();
    return out;
  }
  ReplyWriter{out, state_.version()}.array(queue.size());
  for (const QueuedCommand& queued : queue) {
    const CommandWords words{queued.words};
    const Verdict verdict = state_.run_queued(*queued.command, words.view(), out);
    out.append(fetch(verdict));
  }
  return out;
}

std::string LocalConnection::fetch(const Verdict& verdict) {
  std::string out;
  ReplyWriter reply{out, state_.version()};
  if (verdict.action == Verdict::Action::answered) return out;
  const Words words = verdict.words;
  switch (verdict.action) {
    case Verdict::Action::close:
    case Verdict::Action::drop:
      closed_ = true;
      break;
    case Verdict::Action::ask_key:
      return server_.apply_to_key(words[verdict.command->key_at(0)], *verdict.command, words,
                                  state_);
    case Verdict::Action::ask_keys:
    case Verdict::Action::ask_together:
      return server_.apply_together(*verdict.command, words, state_);
    case Verdict::Action::ask_keyspace:
      server_.answer_keyspace(*verdict.command, words, state_, reply);
      break;
    case Verdict::Action::ask_server: {
      Unchangeable none;
      if (verdict.command->id == CommandId::config_set) {
        answer_config_set(server_.facts, words, none, reply);
      } else if (verdict.command->parent == CommandId::slowlog) {
        server_.slow_log.answer(*verdict.command, words, reply);
      } else {
        answer_server(*verdict.command, words, server_.facts, reply);
      }
      break;
    }
    case Verdict::Action::ask_connections: {
      std::vector<ClientFacts> clients{state_.facts()};
      const ClientsAsked asked{clients, *server_.rules(), state_.id(), server_.now_ms};
      auto ids = answer_connections(*verdict.command, words, asked, reply);
      closed_ = std::ranges::find(ids, state_.id()) != ids.end();
      server_.killed.insert(server_.killed.end(), ids.begin(), ids.end());
      break;
    }
    case Verdict::Action::ask_users:
      reply.error("ERR there are no users here");
      break;
    case Verdict::Action::ask_channels:
      subscriptions_.answer(*verdict.command, words, reply);
      state_.set_subscriptions(subscriptions_.channels(), subscriptions_.patterns());
      break;
    case Verdict::Action::watch:
      for (std::string_view key : words.subspan(1)) {
        const LocalServer::Key name{state_.database(), key};
        const auto found = server_.sessions.find(name);
        watched_.emplace(name,
                         found == server_.sessions.end() ? 0 : found->second.session.revision());
      }
      reply.ok();
      break;
    case Verdict::Action::run_transaction:
      return run_transaction();
    case Verdict::Action::reset:
      subscriptions_.clear();
      state_.set_subscriptions(0, 0);
      watched_.clear();
      break;
    case Verdict::Action::unwatch:
      watched_.clear();
      break;
    case Verdict::Action::answered:
      break;
  }
  return out;
}

}  // namespace greenroom::test
