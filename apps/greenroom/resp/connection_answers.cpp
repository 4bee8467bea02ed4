// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The commands that a connection answers by itself, from what it knows.
#include <optional>

#include "resp/acl.hpp"
#include "resp/command_reply.hpp"
#include "resp/connection_state.hpp"
#include "resp/error_text.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"

namespace greenroom {
namespace {

constexpr std::string_view no_cluster = "ERR This instance has cluster support disabled";

// Names appear in CLIENT LIST, whose fields are separated by blanks and lines.
bool is_plain_word(std::string_view text) {
  for (char c : text)
    if (c < '!' || c > '~') return false;
  return true;
}

bool accepts_name(std::string_view name, ReplyWriter& reply) {
  if (is_plain_word(name)) return true;
  reply.error("ERR Client names cannot contain spaces, newlines or special characters.");
  return false;
}

// WAIT replicas timeout. There are no replicas to wait for, whatever the limit.
void answer_wait(std::span<const std::string_view> words, ReplyWriter& reply) {
  if (!parse_integer(words[1])) return reply.error(error_text::not_an_integer);
  const auto timeout = parse_integer(words[2]);
  if (!timeout) return reply.error("ERR timeout is not an integer or out of range");
  if (*timeout < 0) return reply.error("ERR timeout is negative");
  reply.integer(0);
}

}  // namespace

Verdict ConnectionState::answer(const CommandSpec& command, Words words, std::string& out) {
  ReplyWriter reply{out, version()};
  if (command.parent == CommandId::cluster) {
    reply.error(no_cluster);
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
    case CommandId::asking:
    case CommandId::read_only:
    case CommandId::read_write:
      reply.error(no_cluster);
      break;
    case CommandId::wait:
      answer_wait(words, reply);
      break;
    case CommandId::modules_list:
      reply.array(0);
      break;
    case CommandId::acl_cat:
    case CommandId::acl_dryrun:
    case CommandId::acl_genpass:
    case CommandId::acl_getuser:
    case CommandId::acl_list:
    case CommandId::acl_users:
    case CommandId::acl_whoami:
      answer_acl(command, words, *rules_, login_.user_name(), reply);
      break;
    case CommandId::acl_help:
    case CommandId::client_help:
    case CommandId::config_help:
    case CommandId::object_help:
    case CommandId::pubsub_help:
    case CommandId::script_help:
    case CommandId::latency_help:
    case CommandId::memory_help:
    case CommandId::modules_help:
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
      return refusal.error("ERR Syntax error in HELLO option '" +
                           std::string(error_text::echoed(words[i])) + "'");
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
    return reply.error("ERR Unrecognized option '" + std::string(error_text::echoed(words[2])) +
                       "'");
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
