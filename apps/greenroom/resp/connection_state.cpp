// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/connection_state.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "resp/error_text.hpp"
#include "resp/letters.hpp"

namespace greenroom {
namespace {

using error_text::echoed;

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

}  // namespace greenroom
