// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "greenroom/local_server.hpp"

#include <algorithm>

#include "resp/glob.hpp"
#include "resp/keyspace_request.hpp"
#include "resp/multi_key.hpp"
#include "resp/packed_command.hpp"
#include "session/codec.hpp"

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

}  // namespace

std::string request(std::initializer_list<std::string_view> words) { return make_request(words); }
std::string request(const std::vector<std::string>& words) { return make_request(words); }

LocalServer::LocalServer(std::string password)
    : rules_{std::make_shared<ServerRules>(ServerRules{.password = std::move(password)})} {
  facts.settings = {{"save", ""}, {"appendonly", "no"}, {"maxmemory", "0"}, {"timeout", "0"}};
}

std::string LocalServer::apply_to_key(std::string_view key, const CommandSpec& command, Words words,
                                      const ConnectionState& state) {
  // As a real connection does: the request travels as a message of its own.
  PackedCommand message = pack_command(command.id, words);
  CommandWords received{message};
  std::string reply;
  Key name{state.database(), key};
  Session& session = sessions[name];
  last_outcome = apply(session, command_spec(message.id), received.view(),
                       {.now_ms = now_ms,
                        .version = state.version(),
                        .max_string_bytes = max_string_bytes,
                        .counts_as_access = !state.is_no_touch()},
                       reply);
  if (!session.exists()) {
    sessions.erase(name);
    stored.erase(name);
  } else if (last_outcome.must_store()) {
    stored[name] = encode_session(session);
  }
  return reply;
}

std::vector<std::string_view> LocalServer::live_keys(std::uint8_t database,
                                                     std::string_view pattern,
                                                     std::string_view type) const {
  std::vector<std::string_view> keys;
  for (const auto& [key, session] : sessions)
    if (key.first == database && !session.is_due(now_ms) && glob_match(pattern, key.second) &&
        (type.empty() || type == type_name(session.type())))
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
      state_{server.rules(), server.next_id(), "127.0.0.1:50000", "127.0.0.1:6380", server.now_ms} {
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

void LocalConnection::serve(Words words, std::string& out) {
  Verdict verdict = state_.take(words, server_.now_ms, out);
  switch (verdict.action) {
    case Verdict::Action::answered:
      return;
    case Verdict::Action::close:
    case Verdict::Action::drop:
      closed_ = true;
      return;
    default:
      break;
  }
  std::string reply = fetch(verdict, words);
  if (verdict.wants_reply) out.append(reply);
}

std::string LocalConnection::fetch(const Verdict& verdict, Words words) {
  const CommandSpec& command = *verdict.command;
  std::string out;
  ReplyWriter reply{out, state_.version()};
  switch (verdict.action) {
    case Verdict::Action::ask_key:
      return server_.apply_to_key(words[command.key_at(0)], command, words, state_);
    case Verdict::Action::ask_keys: {
      std::size_t keys = count_keys(command, words.size());
      MergedReply merged{command.merge, keys};
      for (std::size_t i = 0; i < keys; ++i) {
        KeyPart part{command, words, i};
        merged.add(i, server_.apply_to_key(part.key(), command, part.words(), state_));
      }
      merged.finish(out, state_.version());
      break;
    }
    case Verdict::Action::ask_keyspace:
      server_.answer_keyspace(command, words, state_, reply);
      break;
    case Verdict::Action::ask_server:
      answer_server(command, words, server_.facts, reply);
      break;
    case Verdict::Action::ask_connections: {
      std::vector<ClientFacts> clients{state_.facts()};
      auto ids = answer_connections(command, words, clients, state_.id(), server_.now_ms, reply);
      closed_ = std::ranges::find(ids, state_.id()) != ids.end();
      server_.killed.insert(server_.killed.end(), ids.begin(), ids.end());
      break;
    }
    default:
      break;
  }
  return out;
}

}  // namespace greenroom::test
