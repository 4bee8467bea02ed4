// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/sess_commands.hpp"

#include <algorithm>
#include <optional>

#include "resp/error_text.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"
#include "session/expiry_options.hpp"
#include "session/json_object.hpp"

namespace greenroom {
namespace {

using Words = std::span<const std::string_view>;

// What may stand behind the value of SESS.CREATE and SESS.SET.
struct SessOptions {
  std::int64_t expires_at_ms = 0;
  std::string_view user;
  std::optional<std::int64_t> version;
};

// True: it was answered with an error.
bool refuse_long_user(std::string_view user, ReplyWriter& reply) {
  if (user.size() <= KeyExtra::max_user_bytes) return false;
  reply.error("ERR a user's name has at most 1024 bytes");
  return true;
}

// Nothing if an error was answered.
std::optional<SessOptions> parse_options(const CommandSpec& command, Words words,
                                         std::int64_t now_ms, ReplyWriter& reply) {
  const bool creates = command.id == CommandId::sess_create;
  SessOptions options;
  for (std::size_t i = 3; i < words.size(); i += 2) {
    if (i + 1 == words.size()) {
      reply.error(error_text::syntax);
      return std::nullopt;
    }
    const std::string_view value = words[i + 1];
    if (same_word(words[i], "ex")) {
      const auto deadline = parse_expiry(ExpiryWord{.number = value}, now_ms, command.name);
      if (!deadline) {
        reply.error(deadline.error());
        return std::nullopt;
      }
      options.expires_at_ms = *deadline;
    } else if (creates && same_word(words[i], "user")) {
      if (refuse_long_user(value, reply)) return std::nullopt;
      options.user = value;
    } else if (!creates && same_word(words[i], "if")) {
      options.version = parse_integer(value);
      if (!options.version) {
        reply.error(error_text::not_an_integer);
        return std::nullopt;
      }
    } else {
      reply.error(error_text::syntax);
      return std::nullopt;
    }
  }
  return options;
}

void bind(KeyState& state, std::string_view user, KeyOutcome& outcome) {
  KeyExtra& extra = state.more();
  outcome.user_changed |= extra.user != user;
  extra.user = user;
  extra.user_was_bound = true;
}

void write_session(const KeyState& state, ReplyWriter& reply) {
  const Session& session = state.session;
  reply.map(7);
  reply.bulk("type");
  reply.bulk(type_name(session.type()));
  reply.bulk("value");
  if (session.type() == ValueType::string) {
    reply.bulk(session.string());
  } else {
    reply.null();  // HGETALL and SMEMBERS tell it.
  }
  reply.bulk("version");
  reply.integer(static_cast<std::int64_t>(session.revision()));
  reply.bulk("user");
  if (state.user().empty()) {
    reply.null();
  } else {
    reply.bulk(state.user());
  }
  reply.bulk("created_at_ms");
  reply.integer(session.created_at_ms());
  reply.bulk("accessed_at_ms");
  reply.integer(session.last_access_at_ms());
  reply.bulk("expires_at_ms");
  reply.integer(session.expires_at_ms());
}

// RFC 7396 for the first level: members replace members, null takes one away.
std::optional<std::string> patched(std::string_view present, std::string_view patch) {
  auto members = split_json_object(present.empty() ? "{}" : present);
  const auto changes = split_json_object(patch);
  if (!members || !changes) return std::nullopt;
  for (const JsonMember& change : *changes) {
    const auto found = std::ranges::find(*members, change.name, &JsonMember::name);
    if (change.value == "null") {
      if (found != members->end()) members->erase(found);
    } else if (found != members->end()) {
      found->value = change.value;
    } else {
      members->push_back(change);
    }
  }
  return join_json_object(*members);
}

void store(KeyState& state, std::string_view value, const SessOptions& options,
           const ApplyContext& context, KeyOutcome& outcome) {
  Session& session = state.session;
  const std::uint64_t before = session.revision();
  outcome.created = !session.exists();
  outcome.value_changed = true;
  session.set_string(value);
  session.advance_revision(before, context.least_revision());  // what is about to be told
  if (outcome.created) session.set_created(context.now_ms);
  session.note_access(context.now_ms);
  if (options.expires_at_ms != 0) {
    session.set_expiry(options.expires_at_ms);
    outcome.expiry_changed = true;
  }
  if (!options.user.empty()) bind(state, options.user, outcome);
  outcome.events.add(event_string, "set");
}

void write_history(const KeyState& state, std::size_t count, ReplyWriter& reply) {
  static const std::vector<Change> none;
  const auto& history = state.extra ? state.extra->history : none;
  count = std::min(count, history.size());
  reply.array(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Change& change = history[history.size() - 1 - i];
    reply.array(6);
    reply.integer(change.at_ms);
    reply.integer(static_cast<std::int64_t>(change.version));
    reply.bulk(change.command);
    reply.integer(static_cast<std::int64_t>(change.client));
    reply.integer(static_cast<std::int64_t>(change.bytes));
    reply.array(change.names.size());
    for (const std::string& name : change.names) reply.bulk(name);
  }
}

// [COUNT n]; nothing if an error was answered.
std::optional<std::size_t> parse_count(Words words, ReplyWriter& reply) {
  if (words.size() == 2) return max_history;
  if (words.size() != 4 || !same_word(words[2], "count")) {
    reply.error(error_text::syntax);
    return std::nullopt;
  }
  const auto count = parse_integer(words[3]);
  if (!count || *count < 0) {
    reply.error(error_text::not_an_integer);
    return std::nullopt;
  }
  return static_cast<std::size_t>(*count);
}

void touch(KeyState& state, const CommandSpec& command, Words words, const ApplyContext& context,
           ReplyWriter& reply, KeyOutcome& outcome) {
  Session& session = state.session;
  std::optional<std::int64_t> deadline;
  if (words.size() != 2) {
    if (words.size() != 4 || !same_word(words[2], "ex")) return reply.error(error_text::syntax);
    const auto parsed = parse_expiry(ExpiryWord{.number = words[3]}, context.now_ms, command.name);
    if (!parsed) return reply.error(parsed.error());
    deadline = *parsed;
  }
  reply.integer(session.exists() ? 1 : 0);
  if (!session.exists()) return;
  session.note_access(context.now_ms);
  if (!deadline || *deadline == session.expires_at_ms()) return;
  session.set_expiry(*deadline);
  outcome.expiry_changed = true;
  outcome.events.add(event_generic, "expire");
}

}  // namespace

void apply_sess(KeyState& state, const CommandSpec& command, Words words,
                const ApplyContext& context, std::string& out, KeyOutcome& outcome) {
  ReplyWriter reply{out, context.version};
  Session& session = state.session;
  outcome.hit = session.exists();
  switch (command.id) {
    case CommandId::sess_get:
      if (!session.exists()) {
        reply.null();
        break;
      }
      session.note_read();
      if (context.counts_as_access) session.note_access(context.now_ms);
      write_session(state, reply);
      break;
    case CommandId::sess_create:
    case CommandId::sess_set: {
      const auto options = parse_options(command, words, context.now_ms, reply);
      if (!options) break;
      const bool creates = command.id == CommandId::sess_create;
      const std::int64_t version =
          session.exists() ? static_cast<std::int64_t>(session.revision()) : 0;
      if ((creates && session.exists()) || (options->version && *options->version != version)) {
        reply.null();
        break;
      }
      store(state, words[2], *options, context, outcome);
      if (creates) {
        reply.bulk(words[1]);
      } else {
        reply.integer(static_cast<std::int64_t>(session.revision()));
      }
      break;
    }
    case CommandId::sess_patch: {
      if (session.exists() && session.type() != ValueType::string) {
        reply.error(error_text::wrong_type);
        break;
      }
      const auto value = patched(session.exists() ? session.string() : "", words[2]);
      if (!value || value->size() > context.max_string_bytes) {
        reply.error(value ? error_text::too_long : "ERR this is no JSON object");
        break;
      }
      store(state, *value, {}, context, outcome);
      reply.integer(static_cast<std::int64_t>(session.revision()));
      break;
    }
    case CommandId::sess_bind:
      if (refuse_long_user(words[2], reply)) break;
      if (session.exists()) bind(state, words[2], outcome);
      reply.integer(session.exists() ? 1 : 0);
      break;
    case CommandId::sess_touch:
      touch(state, command, words, context, reply, outcome);
      break;
    case CommandId::sess_history:
      if (const auto count = parse_count(words, reply)) write_history(state, *count, reply);
      break;
    case CommandId::sess_unlock:
      reply.integer(0);  // Who asks here asks a key without a process, or a copy: nobody has it.
      break;
    case CommandId::sess_lock:
      reply.error("ERR this session cannot be locked here");
      break;
    default:  // SESS.DESTROY
      reply.integer(session.exists() ? 1 : 0);
      if (!session.exists()) break;
      session.clear();
      outcome.value_changed = outcome.deleted = outcome.revoked = true;
      outcome.events.add(event_generic, "del");
  }
}

}  // namespace greenroom
