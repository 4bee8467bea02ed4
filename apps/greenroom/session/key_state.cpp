// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/key_state.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "resp/known_scripts.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"
#include "session/expiry_options.hpp"
#include "session/merge.hpp"
#include "session/sess_commands.hpp"

namespace greenroom {
namespace {

using Words = std::span<const std::string_view>;

bool is_script(const CommandSpec& command) { return command.id == CommandId::script_run; }

// SET NX and its like say that they begin something new, tombstone or not: locks, and frameworks
// that make sure that an id is new.
bool begins_anew(const CommandSpec& command, Words words) {
  switch (command.id) {
    case CommandId::setnx:
    case CommandId::sess_create:
      return true;
    case CommandId::script_run: {
      const auto script = static_cast<KnownScript>(parse_integer(words[0]).value_or(0));
      return script == KnownScript::acquire || script == KnownScript::add;
    }
    case CommandId::set: {
      const auto options = parse_string_options(
          words.subspan(std::min<std::size_t>(3, words.size())), StringOptions::For::set);
      return options && options->condition == StringOptions::Condition::if_absent;
    }
    default:
      return false;
  }
}

bool may_revive(const KeyState& state, const PrefixRule& rule, std::uint64_t client) {
  if (rule.revive == PrefixRule::Revive::never) return false;
  const auto& seen = state.extra->saw_gone;
  const bool saw = std::ranges::find(seen, client) != seen.end();
  const bool may_hold_old = state.session.last_client() == static_cast<std::uint32_t>(client);
  return saw && !(rule.revive == PrefixRule::Revive::automatic && may_hold_old);
}

Outcome apply_any(KeyState& state, const CommandSpec& command, Words words,
                  const ApplyContext& context, std::string& out, KeyOutcome& outcome);

// A write to a dead key: answered from a session that is thrown away. False: it is no such write.
bool refuse_dead(KeyState& state, const PrefixRule& rule, const CommandSpec& command, Words words,
                 const ApplyContext& context, std::string& out) {
  if (!state.is_dead(context.now_ms) || !command.has(flag_write)) return false;
  if (begins_anew(command, words) || may_revive(state, rule, context.client)) return false;
  KeyState scratch;
  KeyOutcome unused;
  std::string reply;
  (void)apply_any(scratch, command, words, context, reply, unused);
  if (!scratch.session.exists()) return false;  // It would not have brought it back.
  if (rule.dead_write_is_error) {
    ReplyWriter{out, context.version}.error("DEAD this session has ended; the write is not stored");
  } else {
    out.append(reply);
  }
  return true;
}

void note_seen_gone(KeyState& state, const CommandSpec& command, const ApplyContext& context) {
  if (!command.has(flag_readonly) || command.has(flag_quiet)) return;
  auto& seen = state.extra->saw_gone;
  if (seen.size() < KeyExtra::max_saw_gone && std::ranges::find(seen, context.client) == seen.end())
    seen.push_back(context.client);
}

// Where the value stands among the words of a command that saves one; 0: it saves none.
std::size_t saved_value_at(CommandId id) {
  switch (id) {
    case CommandId::set:
    case CommandId::getset:
    case CommandId::mset:
      return 2;
    case CommandId::setex:
    case CommandId::psetex:
      return 3;
    default:
      return 0;
  }
}

bool shows_value(CommandId id) {
  return id == CommandId::get || id == CommandId::mget || id == CommandId::getex;
}

std::string_view user_in(const Session& session, const PrefixRule& rule, std::string& found) {
  found.clear();
  if (session.type() == ValueType::string && !rule.user_pointer.empty()) {
    if (auto user = json_at(session.string(), rule.user_pointer)) found = std::move(*user);
  } else if (session.type() == ValueType::hash && !rule.user_field.empty()) {
    if (auto user = session.hash().find(rule.user_field)) found = *user;
  }
  if (found.size() > KeyExtra::max_user_bytes) found.clear();
  return found;
}

void forget_user(KeyState& state, KeyOutcome& outcome) {
  outcome.user_changed |= !state.user().empty();
  if (!state.extra) return;
  state.extra->user.clear();
  state.extra->user_was_bound = false;
  state.extra->bases.clear();
}

void follow_user(KeyState& state, const PrefixRule& rule, KeyOutcome& outcome) {
  if (!state.session.exists()) return forget_user(state, outcome);
  if (!rule.knows_users() || (state.extra && state.extra->user_was_bound)) return;
  std::string found;
  if (user_in(state.session, rule, found) == state.user()) return;
  state.more().user = std::move(found);
  outcome.user_changed = true;
}

// Sliding and absolute expiry. A sliding deadline moves in steps of a tenth, so that reading does
// not store the session each time.
void follow_age(KeyState& state, const PrefixRule& rule, bool is_access,
                const ApplyContext& context, KeyOutcome& outcome) {
  if (!state.session.exists()) return;
  const std::int64_t before = state.session.expires_at_ms();
  std::int64_t deadline = before;
  if (rule.idle_ms != 0 && is_access) {
    const std::int64_t slid = context.now_ms + rule.idle_ms;
    if (deadline == 0 || deadline > slid || slid - deadline > rule.idle_ms / 10) deadline = slid;
  }
  if (rule.max_age_ms != 0) {
    const std::int64_t last = state.session.created_at_ms() + rule.max_age_ms;
    if (deadline == 0 || deadline > last) deadline = last;
  }
  if (deadline == before) return;
  outcome.expiry_changed = true;
  state.session.set_expiry(deadline);
  if (deadline > context.now_ms) return;
  state.session.clear();
  outcome.value_changed = outcome.deleted = outcome.expired = true;
  outcome.events.add(event_expired, "expired");
}

void bury(KeyState& state, const PrefixRule& rule, std::int64_t now_ms, KeyOutcome& outcome) {
  if (rule.tombstone_ms == 0) return;
  state.more().dead_until_ms = now_ms + rule.tombstone_ms;
  state.extra->saw_gone.clear();
  outcome.mark_changed = true;
}

void unearth(KeyState& state, KeyOutcome& outcome) {
  if (state.dead_until_ms() == 0) return;
  state.extra->dead_until_ms = 0;
  state.extra->saw_gone.clear();
  outcome.mark_changed = true;
}

// A save of a JSON object that carries the version it is based on becomes what is to be stored.
struct MergedSave {
  std::string value;
  std::vector<std::string_view> words;
};

bool merge_save(KeyState& state, const CommandSpec& command, Words words, MergedSave& merge,
                KeyOutcome& outcome) {
  const std::size_t at = saved_value_at(command.id);
  if (at == 0 || words.size() <= at) return false;
  const bool has_value = state.session.type() == ValueType::string;
  const auto merged = merge_json(has_value ? state.session.string() : std::string_view{},
                                 state.extra ? std::span<const KeyExtra::Base>{state.extra->bases}
                                             : std::span<const KeyExtra::Base>{},
                                 words[at]);
  if (!merged) return false;
  merge.value = merged->value;
  merge.words.assign(words.begin(), words.end());
  merge.words[at] = merge.value;
  outcome.merged = merged->was_merged;
  outcome.conflicted = merged->had_conflict;
  return true;
}

void remember_base(KeyState& state, KeyExtra::Base base) {
  auto& bases = state.more().bases;
  std::erase_if(bases, [&](const KeyExtra::Base& other) { return other.version == base.version; });
  if (bases.size() >= KeyExtra::max_bases) bases.erase(bases.begin());
  bases.push_back(std::move(base));
}

void note_history(KeyState& state, const PrefixRule& rule, const BeforeChange& before,
                  const CommandSpec& command, Words words, const ApplyContext& context) {
  Change change = before.change_to(state.session, command, words);
  change.at_ms = context.now_ms;
  change.client = context.client;
  auto& history = state.more().history;
  history.push_back(std::move(change));
  if (history.size() > rule.history)
    history.erase(history.begin(), history.end() - static_cast<std::ptrdiff_t>(rule.history));
}

void copy_flags(const Outcome& from, KeyOutcome& to) { static_cast<Outcome&>(to) = from; }

// SESS.* on a key knows of more than its value; everything else does not.
Outcome apply_any(KeyState& state, const CommandSpec& command, Words words,
                  const ApplyContext& context, std::string& out, KeyOutcome& outcome) {
  if (command.group != Group::sessions) return apply(state.session, command, words, context, out);
  const Outcome expiry = expire_if_due(state.session, context.now_ms);
  outcome.value_changed = expiry.value_changed;
  outcome.expired = outcome.deleted = expiry.expired;
  outcome.events = expiry.events;
  apply_sess(state, command, words, context, out, outcome);
  return outcome;
}

}  // namespace

KeyState KeyState::clone() const {
  return KeyState{session.clone(), extra ? std::make_unique<KeyExtra>(*extra) : nullptr};
}

KeyExtra& KeyState::more() {
  if (!extra) extra = std::make_unique<KeyExtra>();
  return *extra;
}

void KeyState::tidy() {
  if (extra && extra->is_empty()) extra.reset();
}

void KeyTally::note(const CommandSpec& command, const KeyOutcome& outcome) {
  if (command.has(flag_readonly)) ++(outcome.hit ? hits : misses);
  if (outcome.refused) ++dead_writes;
  if (outcome.merged) ++merged_saves;
  if (outcome.conflicted) ++merge_conflicts;
}

namespace {

KeyOutcome perform_by_rule(KeyState& state, const PrefixRule* rule, std::string_view key,
                           const CommandSpec& command, Words words, const ApplyContext& context,
                           std::string& out) {
  KeyOutcome outcome;
  if (rule == nullptr || rule->is_lock(key)) {
    copy_flags(apply_any(state, command, words, context, out, outcome), outcome);
    if (outcome.created) {
      unearth(state, outcome);
      state.session.set_last_client(context.client);
    }
    if (outcome.deleted) forget_user(state, outcome);
    state.tidy();
    return outcome;
  }
  if (refuse_dead(state, *rule, command, words, context, out)) {
    outcome.refused = true;
    return outcome;
  }
  MergedSave merge;
  std::optional<KeyExtra::Base> base;
  KeyOutcome merging;
  if (rule->merges_json && merge_save(state, command, words, merge, merging)) {
    words = merge.words;
    if (state.session.type() == ValueType::string) base = base_of(state.session.string());
  }
  std::optional<BeforeChange> value_before;
  if (rule->history != 0 && command.has(flag_write)) value_before.emplace(state.session);
  const std::size_t before = out.size();
  const std::uint64_t revision = state.session.revision();
  copy_flags(apply_any(state, command, words, context, out, outcome), outcome);
  outcome.merged = merging.merged;
  outcome.conflicted = merging.conflicted;
  if (base && outcome.value_changed) remember_base(state, std::move(*base));
  if (outcome.created) unearth(state, outcome);
  if (!state.session.exists() && state.is_dead(context.now_ms))
    note_seen_gone(state, command, context);
  if (rule->merges_json && shows_value(command.id) && state.session.type() == ValueType::string &&
      out.size() > before && out[before] == '$') {
    out.resize(before);
    ReplyWriter{out, context.version}.bulk(with_version(state.session.string()));
  }
  if (outcome.hit && command.has(flag_readonly) && !command.has(flag_quiet))
    state.session.set_last_client(context.client);
  const bool is_access =
      context.counts_as_access && !command.has(flag_quiet) && (outcome.hit || outcome.created);
  follow_age(state, *rule, is_access, context, outcome);
  if (outcome.value_changed) follow_user(state, *rule, outcome);
  if (outcome.value_changed && value_before) {
    state.session.advance_revision(revision, context.least_revision());
    note_history(state, *rule, *value_before, command, words, context);
  }
  if (outcome.deleted && !is_script(command) && context.leaves_tombstone)
    bury(state, *rule, context.now_ms, outcome);
  state.tidy();
  return outcome;
}

}  // namespace

KeyOutcome perform(KeyState& state, const PrefixRule* rule, std::string_view key,
                   const CommandSpec& command, Words words, const ApplyContext& context,
                   std::string& out) {
  const std::uint64_t before = state.session.revision();
  KeyOutcome outcome = perform_by_rule(state, rule, key, command, words, context, out);
  if (outcome.must_store()) state.session.advance_revision(before, context.least_revision());
  return outcome;
}

void follow_rule(KeyState& state, const PrefixRule* rule, std::string_view key,
                 const ApplyContext& context, KeyOutcome& outcome) {
  if (state.session.exists()) {
    unearth(state, outcome);
  } else {
    forget_user(state, outcome);
  }
  if (rule == nullptr || rule->is_lock(key)) return state.tidy();
  follow_age(state, *rule, false, context, outcome);
  follow_user(state, *rule, outcome);
  if (!state.session.exists()) bury(state, *rule, context.now_ms, outcome);
  state.tidy();
}

KeyOutcome expire_key(KeyState& state, const PrefixRule* rule, std::string_view key,
                      std::int64_t now_ms) {
  KeyOutcome outcome;
  copy_flags(expire_if_due(state.session, now_ms), outcome);
  if (outcome.expired && rule != nullptr && !rule->is_lock(key)) {
    follow_user(state, *rule, outcome);
    bury(state, *rule, now_ms, outcome);
  }
  if (state.dead_until_ms() != 0 && !state.is_dead(now_ms)) unearth(state, outcome);
  state.tidy();
  return outcome;
}

std::string with_version(std::string_view value) {
  const std::size_t end = value.rfind('}');
  const auto members = split_json_object(value);
  if (!members || end == std::string_view::npos) return std::string{value};
  char version[24];
  std::snprintf(version, sizeof version, "%016llx",
                static_cast<unsigned long long>(base_of(value).version));
  std::string text{value.substr(0, end)};
  if (!members->empty()) text.push_back(',');
  text.append("\"").append(version_member).append("\":\"").append(version).append("\"");
  text.append(value.substr(end));
  return text;
}

}  // namespace greenroom
