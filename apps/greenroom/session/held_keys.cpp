// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/held_keys.hpp"

#include <algorithm>
#include <expected>

#include "resp/error_text.hpp"
#include "resp/letters.hpp"
#include "resp/multi_key.hpp"
#include "resp/number.hpp"
#include "session/storage_key.hpp"

namespace greenroom {
namespace {

using Words = std::span<const std::string_view>;

// One command under way on held keys.
struct HeldCall {
  const CommandSpec& command;
  Words words;
  std::uint8_t database;
  HeldKeys& keys;
  const ApplyContext& context;
  std::string& out;
  ReplyWriter reply{out, context.version};

  HeldKey* find(std::string_view key) { return keys.find(storage_key(database, key)); }
};

constexpr Event created_event{event_new, "new"};

bool is_change(const KeyOutcome& outcome) {
  return outcome.must_store() || outcome.events.size() > 0;
}

void note(HeldKey& key, const KeyOutcome& outcome) {
  key.changed |= is_change(outcome);
  key.revoked |= outcome.revoked;
  if (outcome.created) key.events.push_back(created_event);
  key.events.insert(key.events.end(), outcome.events.begin(), outcome.events.end());
}

// That a key is missing here is a bug of whoever held them, and is answered as an error: the words
// come from outside.
void refuse_unheld(ReplyWriter& reply) { reply.error("ERR a key of this command is not held"); }

void apply_to(HeldCall& call, std::string_view name, const CommandSpec& command, Words words,
              std::string& out) {
  HeldKey* key = call.find(name);
  if (key == nullptr) {
    ReplyWriter reply{out, call.context.version};
    return refuse_unheld(reply);
  }
  Session& session = key->state.session;
  const std::uint64_t before = session.revision();
  const KeyOutcome outcome =
      perform(key->state, call.keys.rules().find(name), name, command, words, call.context, out);
  note(*key, outcome);
  call.keys.tally().note(command, outcome);
  // As the key's own process has it after each command, so that a version that is told meanwhile
  // is the one that the session will have.
  if (is_change(outcome)) session.set_revision(std::max(session.revision(), before + 1));
}

void apply_parts(HeldCall& call) {
  const std::size_t count = count_keys(call.command, call.words.size());
  MergedReply merged{call.command.merge, count};
  for (std::size_t i = 0; i < count; ++i) {
    const KeyPart part{call.command, call.words, i};
    std::string reply;
    apply_to(call, part.key(), call.command, part.words(), reply);
    merged.add(i, std::move(reply));
  }
  merged.finish(call.out, call.context.version);
}

void drop_if_due(HeldCall& call, HeldKey& key, std::string_view name) {
  note(key, expire_key(key.state, call.keys.rules().find(name), name, call.context.now_ms));
}

// After a value came or went otherwise than by a command on its key.
void follow(HeldCall& call, HeldKey& key, std::string_view name) {
  KeyOutcome outcome;
  follow_rule(key.state, call.keys.rules().find(name), name, call.context, outcome);
  note(key, outcome);
}

void apply_msetnx(HeldCall& call) {
  const std::size_t count = count_keys(call.command, call.words.size());
  for (std::size_t i = 0; i < count; ++i) {
    HeldKey* key = call.find(call.words[call.command.key_at(i)]);
    if (key == nullptr) return refuse_unheld(call.reply);
    drop_if_due(call, *key, call.words[call.command.key_at(i)]);
    if (key->state.session.exists()) return call.reply.integer(0);
  }
  const CommandSpec& mset = command_spec(CommandId::mset);
  std::string unused;
  HeldCall all{mset, call.words, call.database, call.keys, call.context, unused};
  apply_parts(all);
  call.reply.integer(1);
}

// Puts the value of `from` into `to`, with its expiry; `to` counts as changed.
void move_value(Session value, HeldKey& to, const ApplyContext& context) {
  value.advance_revision(std::max(value.revision(), to.state.session.revision()),
                         context.least_revision());
  to.state.session = std::move(value);
  to.changed = true;
  // Also where there was one: Redis makes the key anew.
  to.events.push_back(created_event);
}

void apply_rename(HeldCall& call) {
  HeldKey* from = call.find(call.words[1]);
  HeldKey* to = call.find(call.words[2]);
  if (from == nullptr || to == nullptr) return refuse_unheld(call.reply);
  drop_if_due(call, *from, call.words[1]);
  drop_if_due(call, *to, call.words[2]);
  const bool only_if_free = call.command.id == CommandId::renamenx;
  if (!from->state.session.exists()) return call.reply.error("ERR no such key");
  if (only_if_free && to->state.session.exists()) return call.reply.integer(0);
  if (from != to) {
    Session value = from->state.session.clone();
    from->state.session.clear();
    from->changed = true;
    move_value(std::move(value), *to, call.context);
    // Whose session it is goes along.
    if (!from->state.user().empty()) {
      to->state.more().user = from->state.extra->user;
      to->state.extra->user_was_bound = from->state.extra->user_was_bound;
    }
    follow(call, *from, call.words[1]);
    follow(call, *to, call.words[2]);
    from->events.push_back({event_generic, "rename_from"});
    to->events.push_back({event_generic, "rename_to"});
  }
  if (only_if_free) return call.reply.integer(1);
  call.reply.ok();
}

// COPY source destination [DB destination-db] [REPLACE]
struct CopyOptions {
  std::uint8_t database = 0;
  bool replaces = false;
};

std::expected<CopyOptions, std::string_view> parse_copy(Words words, std::uint8_t database) {
  constexpr std::int64_t databases = 16;
  CopyOptions options{database, false};
  for (std::size_t i = 3; i < words.size(); ++i) {
    if (same_word(words[i], "replace")) {
      options.replaces = true;
    } else if (same_word(words[i], "db") && i + 1 < words.size()) {
      const auto number = parse_integer(words[++i]);
      if (!number) return std::unexpected(error_text::not_an_integer);
      if (*number < 0 || *number >= databases)
        return std::unexpected(std::string_view{"ERR DB index is out of range"});
      options.database = static_cast<std::uint8_t>(*number);
    } else {
      return std::unexpected(error_text::syntax);
    }
  }
  return options;
}

void apply_copy(HeldCall& call) {
  const auto options = parse_copy(call.words, call.database);
  if (!options) return call.reply.error(options.error());
  HeldKey* from = call.find(call.words[1]);
  HeldKey* to = call.keys.find(storage_key(options->database, call.words[2]));
  if (from == nullptr || to == nullptr) return refuse_unheld(call.reply);
  if (from == to) return call.reply.error("ERR source and destination objects are the same");
  drop_if_due(call, *from, call.words[1]);
  drop_if_due(call, *to, call.words[2]);
  if (!from->state.session.exists() || (to->state.session.exists() && !options->replaces))
    return call.reply.integer(0);
  move_value(from->state.session.clone(), *to, call.context);
  follow(call, *to, call.words[2]);
  to->events.push_back({event_generic, "copy_to"});
  call.reply.integer(1);
}

}  // namespace

std::vector<std::string> keys_to_hold(const CommandSpec& command, Words words,
                                      std::uint8_t database) {
  std::vector<std::string> keys;
  // A script says itself which of its words are keys; the known ones have one.
  if (command.has(flag_movablekeys) && words.size() > 3)
    keys.push_back(storage_key(database, words[3]));
  const std::size_t count = count_keys(command, words.size());
  for (std::size_t i = 0; i < count; ++i)
    keys.push_back(storage_key(database, words[command.key_at(i)]));
  if (command.id == CommandId::copy) {
    const auto options = parse_copy(words, database);
    if (options) keys.back() = storage_key(options->database, words[2]);
  }
  return keys;
}

void apply_held(const CommandSpec& command, Words words, std::uint8_t database, HeldKeys& keys,
                const ApplyContext& context, std::string& out) {
  HeldCall call{command, words, database, keys, context, out};
  if (command.has(flag_write)) {
    for (const std::string& name : keys_to_hold(command, words, database)) {
      if (HeldKey* key = keys.find(name)) key->was_written = true;
    }
  }
  switch (command.id) {
    case CommandId::msetnx:
      return apply_msetnx(call);
    case CommandId::rename:
    case CommandId::renamenx:
      return apply_rename(call);
    case CommandId::copy:
      return apply_copy(call);
    default:
      break;
  }
  const bool is_single = command.handler == Handler::single_key ||
                         (command.merge != Merge::array && count_keys(command, words.size()) == 1);
  if (!is_single) return apply_parts(call);
  apply_to(call, words[command.key_at(0)], command, words, out);
}

}  // namespace greenroom
