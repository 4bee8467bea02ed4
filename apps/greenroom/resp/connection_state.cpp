// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/connection_state.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "resp/command_reply.hpp"
#include "resp/error_text.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"

namespace greenroom {
namespace {

// Redis cuts what it echoes at 128 bytes, and at the first zero byte, being C.
std::string_view echoed(std::string_view text, std::size_t max = 128) {
  text = text.substr(0, max);
  return text.substr(0, text.find('\0'));
}

std::string unknown_command(std::span<const std::string_view> words) {
  std::string arguments;
  for (std::string_view word : words.subspan(1)) {
    if (arguments.size() >= 128) break;
    std::size_t room = 128 - arguments.size();
    arguments.append("'").append(echoed(word, room)).append("' ");
  }
  return "ERR unknown command '" + std::string(echoed(words[0])) +
         "', with args beginning with: " + arguments;
}

// A web page can make a browser send HTTP here, and its body would be taken for commands.
bool looks_like_http(std::string_view word) {
  return same_word(word, "post") || same_word(word, "host:");
}

// Names appear in CLIENT LIST, whose fields are separated by blanks and lines.
bool is_plain_word(std::string_view text) {
  for (char c : text)
    if (c < '!' || c > '~') return false;
  return true;
}

// Whether a key of the request is longer than any session's.
bool has_long_key(const CommandSpec& command, std::span<const std::string_view> words,
                  std::size_t most) {
  // Of a script, which says itself what its keys are; the known ones have one.
  if (command.has(flag_movablekeys)) return words.size() > 3 && words[3].size() > most;
  if (command.id == CommandId::sess_create) most -= 32;  // the id that it gets
  for (std::size_t i = 0; i < count_keys(command, words.size()); ++i)
    if (words[command.key_at(i)].size() > most) return true;
  return false;
}

bool accepts_name(std::string_view name, ReplyWriter& reply) {
  if (is_plain_word(name)) return true;
  reply.error("ERR Client names cannot contain spaces, newlines or special characters.");
  return false;
}

}  // namespace

ConnectionState::ConnectionState(std::shared_ptr<const ServerRules> rules, std::uint64_t id,
                                 std::string address, std::string local_address,
                                 std::int64_t now_ms)
    : rules_{std::move(rules)}, now_ms_{now_ms}, login_{rules_, address} {
  facts_.id = id;
  facts_.address = std::move(address);
  facts_.local_address = std::move(local_address);
  facts_.connected_at_ms = facts_.last_request_at_ms = now_ms;
}

Verdict ConnectionState::take(Words words, std::int64_t now_ms, std::string& out) {
  now_ms_ = facts_.last_request_at_ms = now_ms;
  if (looks_like_http(words[0])) return {.action = Verdict::Action::drop};
  std::size_t before = out.size();
  ReplyWriter reply{out, version()};
  Verdict verdict;
  if (const auto command = find(words); !command) {
    verdict = refuse(words, command.error(), reply);
  } else if (const auto reason = refusal_among_messages(**command)) {
    verdict = refuse(words, *reason, reply);
  } else if (!queue(**command, words, reply)) {
    verdict = dispatch(**command, words, out);
  }
  verdict.wants_reply = replies_ != Replies::off && replies_ != Replies::skip_this;
  if (!verdict.wants_reply || replies_ == Replies::skip_next) out.resize(before);
  step_replies();
  return verdict;
}

// A skip lasts for exactly one request after the one that asked for it.
void ConnectionState::step_replies() {
  if (replies_ == Replies::skip_this) replies_ = Replies::on;
  if (replies_ == Replies::skip_next) replies_ = Replies::skip_this;
}

// The command, if it is one that this client may use, with a number of words that it takes; or what
// is wrong.
std::expected<const CommandSpec*, std::string> ConnectionState::find(Words words) const {
  const CommandSpec* command = find_command(words[0]);
  if (command == nullptr) return std::unexpected(unknown_command(words));
  bool is_container = command->handler == Handler::container || command->id == CommandId::command;
  if (is_container && words.size() > 1) {
    const CommandSpec* child = find_subcommand(*command, words[1]);
    if (child == nullptr)
      return std::unexpected("ERR unknown subcommand '" + std::string(echoed(words[1])) +
                             "'. Try " + upper_case(command->name) + " HELP.");
    command = child;
  }
  if (!command->accepts(words.size()))
    return std::unexpected(error_text::wrong_arity(command->name));
  if (auto refusal = login_.refusal_of(*command, words)) return std::unexpected(*refusal);
  if (has_long_key(*command, words, rules_->max_key_bytes))
    return std::unexpected("ERR a key has at most " + std::to_string(rules_->max_key_bytes) +
                           " bytes");
  return command;
}

// A request that is not even tried breaks a transaction, if there is one; an EXEC that is not ends
// it.
Verdict ConnectionState::refuse(Words words, std::string_view reason, ReplyWriter& reply) {
  is_broken_ = true;
  const CommandSpec* command = find_command(words[0]);
  if (command == nullptr || command->id != CommandId::exec) {
    reply.error(reason);
    return {};
  }
  (void)take_transaction();
  if (reason.starts_with("ERR ")) reason.remove_prefix(4);
  reply.error("EXECABORT Transaction discarded because of: " + std::string(reason));
  return {.action = Verdict::Action::unwatch, .command = command};
}

std::optional<std::string> ConnectionState::refusal_among_messages(
    const CommandSpec& command) const {
  const bool listens = facts_.channels + facts_.patterns > 0;
  if (!listens || facts_.version == RespVersion::resp3) return std::nullopt;
  switch (command.id) {
    case CommandId::subscribe:
    case CommandId::psubscribe:
    case CommandId::unsubscribe:
    case CommandId::punsubscribe:
    case CommandId::ping:
    case CommandId::quit:
    case CommandId::reset:
      return std::nullopt;
    default:
      return "ERR Can't execute '" + std::string(command.name) +
             "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
             "context";
  }
}

// Whether the request was dealt with because a transaction is being gathered.
bool ConnectionState::queue(const CommandSpec& command, Words words, ReplyWriter& reply) {
  if (!in_transaction_) return false;
  switch (command.id) {
    case CommandId::exec:
    case CommandId::discard:
    case CommandId::quit:
    case CommandId::reset:
      return false;
    case CommandId::multi:
      reply.error("ERR MULTI calls can not be nested");
      return true;
    case CommandId::watch:
      reply.error("ERR WATCH inside MULTI is not allowed");
      return true;
    default:
      break;
  }
  // FLUSHALL and SCAN TYPE ask the processes of all keys, some of which EXEC would be holding.
  const bool asks_all = command.id == CommandId::flushall || command.id == CommandId::flushdb ||
                        (command.id == CommandId::scan && words.size() > 2) ||
                        command.handler == Handler::users;
  if (command.has(flag_no_multi) || asks_all) {
    is_broken_ = true;
    reply.error("ERR Command not allowed inside a transaction");
    return true;
  }
  PackedCommand packed = pack_command(command.id, words);
  queued_bytes_ += packed.bytes.size() + sizeof(QueuedCommand);
  if (queued_bytes_ > rules_->max_queued_bytes) {
    is_broken_ = true;
    queue_.clear();
    reply.error("ERR too much is queued in this transaction");
    return true;
  }
  queue_.push_back(QueuedCommand{&command, std::move(packed)});
  facts_.queued = static_cast<std::int64_t>(queue_.size());
  reply.simple("QUEUED");
  return true;
}

std::vector<QueuedCommand> ConnectionState::take_transaction() {
  in_transaction_ = is_broken_ = false;
  queued_bytes_ = 0;
  facts_.queued = -1;
  return std::exchange(queue_, {});
}

bool ConnectionState::has_queued(CommandFlag flag) const {
  return std::ranges::any_of(
      queue_, [&](const QueuedCommand& queued) { return queued.command->has(flag); });
}

Verdict ConnectionState::run_queued(const CommandSpec& command, Words words, std::string& out) {
  return dispatch(command, words, out);
}

Verdict ConnectionState::answer_exec(const CommandSpec& command, std::string& out) {
  ReplyWriter reply{out, version()};
  if (!in_transaction_) {
    reply.error("ERR EXEC without MULTI");
    return {};
  }
  if (!is_broken_) return {.action = Verdict::Action::run_transaction, .command = &command};
  (void)take_transaction();
  reply.error("EXECABORT Transaction discarded because of previous errors.");
  return {.action = Verdict::Action::unwatch, .command = &command};
}

void ConnectionState::set_subscriptions(std::size_t channels, std::size_t patterns) {
  facts_.channels = channels;
  facts_.patterns = patterns;
}

Verdict ConnectionState::dispatch(const CommandSpec& command, Words words, std::string& out) {
  using enum Verdict::Action;
  facts_.last_command = command.name;
  // Each key of MSET has its value. Redis finds that out when it carries it out, so that it breaks
  // no transaction.
  const auto step = static_cast<std::size_t>(std::max<int>(command.key_step, 1));
  if (command.last_key < 0 && (words.size() - 1) % step != 0) {
    ReplyWriter{out, version()}.error(error_text::wrong_arity(command.name));
    return {};
  }
  switch (command.handler) {
    case Handler::container:
    case Handler::connection:
      return answer(command, words, out);
    case Handler::server:
      return {.action = command.group == Group::server ? ask_server : ask_connections,
              .command = &command,
              .words = words};
    case Handler::single_key:
      return {.action = ask_key, .command = &command, .words = words};
    case Handler::multi_key:
    case Handler::together: {
      // With one key its owner's reply is the client's, but for MGET's array.
      const bool is_one = command.merge != Merge::none && command.merge != Merge::array &&
                          count_keys(command, words.size()) == 1;
      const auto several = command.handler == Handler::together ? ask_together : ask_keys;
      return {.action = is_one ? ask_key : several, .command = &command, .words = words};
    }
    case Handler::keyspace:
      return {.action = ask_keyspace, .command = &command, .words = words};
    case Handler::users:
      return {.action = ask_users, .command = &command, .words = words};
    case Handler::channels:
      return {.action = ask_channels, .command = &command, .words = words};
    case Handler::scripts:
      return answer_script(command, words, out);
    case Handler::transaction:
      if (command.id == CommandId::exec) return answer_exec(command, out);
      if (command.id == CommandId::watch)
        return {.action = watch, .command = &command, .words = words};
      ReplyWriter{out, version()}.ok();
      return {.action = unwatch, .command = &command};
  }
  return {};
}

Verdict ConnectionState::answer(const CommandSpec& command, Words words, std::string& out) {
  ReplyWriter reply{out, version()};
  if (command.parent == CommandId::cluster) {
    reply.error("ERR This instance has cluster support disabled");
    return {};
  }
  switch (command.id) {
    case CommandId::quit:
      reply.ok();
      return {.action = Verdict::Action::close};
    case CommandId::reset:
      reset();
      ReplyWriter{out, version()}.simple("RESET");
      return {.action = Verdict::Action::reset, .command = &command};
    case CommandId::multi:
      in_transaction_ = true;
      is_broken_ = false;
      facts_.queued = 0;
      reply.ok();
      break;
    case CommandId::discard:
      if (!in_transaction_) {
        reply.error("ERR DISCARD without MULTI");
        break;
      }
      (void)take_transaction();
      reply.ok();
      return {.action = Verdict::Action::unwatch, .command = &command};
    case CommandId::monitor:
      reply.error("ERR MONITOR is refused: it would show session ids and their contents");
      break;
    case CommandId::role:
      reply.array(3);
      reply.bulk("master");
      reply.integer(0);
      reply.array(0);
      break;
    case CommandId::ping:
      answer_ping(words, reply);
      break;
    case CommandId::echo:
      reply.bulk(words[1]);
      break;
    case CommandId::auth:
      answer_auth(words, reply);
      break;
    case CommandId::hello:
      answer_hello(words, out);
      break;
    case CommandId::select:
      answer_select(words, reply);
      break;
    case CommandId::acl_cat:
    case CommandId::acl_getuser:
    case CommandId::acl_list:
    case CommandId::acl_users:
    case CommandId::acl_whoami:
      login_.answer_acl(command, words, reply);
      break;
    case CommandId::acl_help:
    case CommandId::client_help:
    case CommandId::config_help:
    case CommandId::object_help:
    case CommandId::pubsub_help:
    case CommandId::script_help:
    case CommandId::latency_help:
    case CommandId::memory_help:
    case CommandId::slowlog_help:
      answer_help(command_spec(command.parent), reply);
      break;
    default:
      if (command.parent == CommandId::client) {
        answer_client(command, words, reply);
      } else {
        answer_command(command, words, reply);
      }
  }
  return {};
}

void ConnectionState::answer_ping(Words words, ReplyWriter& reply) {
  if (words.size() > 2) return reply.error(error_text::wrong_arity("ping"));
  // Among messages, RESP2 answers with something that looks like one.
  if (facts_.channels + facts_.patterns > 0 && facts_.version == RespVersion::resp2) {
    reply.array(2);
    reply.bulk("pong");
    return reply.bulk(words.size() == 2 ? words[1] : "");
  }
  if (words.size() == 2) return reply.bulk(words[1]);
  reply.simple("PONG");
}

void ConnectionState::answer_select(Words words, ReplyWriter& reply) {
  auto index = parse_integer(words[1]);
  if (!index) return reply.error(error_text::not_an_integer);
  if (*index > INT32_MAX || *index < INT32_MIN)
    return reply.error("ERR value is out of range, value must between -2147483648 and 2147483647");
  if (*index < 0 || *index >= rules_->databases) return reply.error("ERR DB index is out of range");
  facts_.database = static_cast<std::uint8_t>(*index);
  reply.ok();
}

// On failure the connection stays what it was.
bool ConnectionState::authenticate(std::string_view user, std::string_view password,
                                   ReplyWriter& reply) {
  if (const auto refusal = login_.attempt(user, password)) {
    reply.error(*refusal);
    return false;
  }
  facts_.user = login_.user_name();
  return true;
}

void ConnectionState::answer_auth(Words words, ReplyWriter& reply) {
  if (words.size() > 3) return reply.error(error_text::syntax);
  if (words.size() == 2 && !rules_->needs_login())
    return reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  std::string_view user = words.size() == 3 ? words[1] : "default";
  if (authenticate(user, words.back(), reply)) reply.ok();
}

// HELLO [version [AUTH user password] [SETNAME name]]. The version changes only if all else is
// well.
void ConnectionState::answer_hello(Words words, std::string& out) {
  ReplyWriter refusal{out, version()};
  RespVersion version = facts_.version;
  if (words.size() > 1) {
    auto asked = parse_integer(words[1]);
    if (!asked) return refusal.error("ERR Protocol version is not an integer or out of range");
    if (*asked != 2 && *asked != 3) return refusal.error("NOPROTO unsupported protocol version");
    version = static_cast<RespVersion>(*asked);
  }
  std::optional<std::string_view> name;
  for (std::size_t i = 2; i < words.size(); ++i) {
    std::size_t more = words.size() - 1 - i;
    if (same_word(words[i], "auth") && more >= 2) {
      if (!authenticate(words[i + 1], words[i + 2], refusal)) return;
      i += 2;
    } else if (same_word(words[i], "setname") && more >= 1) {
      name = words[++i];
      if (!accepts_name(*name, refusal)) return;
    } else {
      return refusal.error("ERR Syntax error in HELLO option '" + std::string(echoed(words[i])) +
                           "'");
    }
  }
  if (!login_.is_done())
    return refusal.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "AUTH <user> <pass> option can be used to authenticate the client and select the "
        "RESP protocol version at the same time");
  if (name) facts_.name = *name;
  facts_.version = version;

  ReplyWriter reply{out, version};
  reply.map(7);
  reply.bulk("server");
  reply.bulk(rules_->server_name);
  reply.bulk("version");
  reply.bulk(rules_->redis_version);
  reply.bulk("proto");
  reply.integer(static_cast<int>(version));
  reply.bulk("id");
  reply.integer(static_cast<std::int64_t>(facts_.id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

void ConnectionState::reset() {
  facts_.version = RespVersion::resp2;
  facts_.database = 0;
  facts_.name.clear();
  facts_.is_no_evict = facts_.is_no_touch = false;
  (void)take_transaction();
  replies_ = Replies::on;
  login_.reset();
  facts_.user = login_.user_name();
}

void ConnectionState::answer_setinfo(Words words, ReplyWriter& reply) {
  bool is_name = same_word(words[2], "lib-name");
  if (!is_name && !same_word(words[2], "lib-ver"))
    return reply.error("ERR Unrecognized option '" + std::string(echoed(words[2])) + "'");
  if (!is_plain_word(words[3]))
    return reply.error("ERR " + lower_case(words[2]) +
                       " cannot contain spaces, newlines or special characters.");
  (is_name ? facts_.library : facts_.library_version) = words[3];
  reply.ok();
}

void ConnectionState::answer_client_reply(Words words, ReplyWriter& reply) {
  if (same_word(words[2], "on")) {
    replies_ = Replies::on;
    reply.ok();
  } else if (same_word(words[2], "off")) {
    replies_ = Replies::off;
  } else if (same_word(words[2], "skip")) {
    if (replies_ != Replies::off) replies_ = Replies::skip_next;
  } else {
    reply.error(error_text::syntax);
  }
}

void ConnectionState::answer_client(const CommandSpec& command, Words words, ReplyWriter& reply) {
  switch (command.id) {
    case CommandId::client_id:
      return reply.integer(static_cast<std::int64_t>(facts_.id));
    case CommandId::client_info:
      return reply.text(client_line(facts_, now_ms_) + "\n");
    case CommandId::client_getname:
      return facts_.name.empty() ? reply.null() : reply.bulk(facts_.name);
    case CommandId::client_setname:
      if (!accepts_name(words[2], reply)) return;
      facts_.name = words[2];  // An empty name takes the name away.
      return reply.ok();
    case CommandId::client_setinfo:
      return answer_setinfo(words, reply);
    case CommandId::client_reply:
      return answer_client_reply(words, reply);
    default:
      break;
  }
  // What is left are the two switches.
  bool on = same_word(words[2], "on");
  if (!on && !same_word(words[2], "off")) return reply.error(error_text::syntax);
  (command.id == CommandId::client_no_evict ? facts_.is_no_evict : facts_.is_no_touch) = on;
  reply.ok();
}

}  // namespace greenroom
