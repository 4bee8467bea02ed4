// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session/apply.hpp"
#include "session/history.hpp"
#include "session/prefix_rules.hpp"
#include "session/session.hpp"

namespace greenroom {

// What few keys have beside their value.
struct KeyExtra {
  // What a JSON object looked like: a hash of each member's name and value, by the hash of it all.
  struct Base {
    std::uint64_t version;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> members;
  };
  static constexpr std::size_t max_bases = 8;      // Saves ago that a client may have read.
  static constexpr std::size_t max_saw_gone = 16;  // Connections; more are not allowed to revive.
  static constexpr std::size_t max_user_bytes = 1'024;  // A record has 15 bits for them.

  std::int64_t dead_until_ms = 0;       // A tombstone: writes do not bring the key back before.
  std::vector<std::uint64_t> saw_gone;  // The connections that read it gone since.
  std::string user;                     // Whose session this is; empty: nobody's.
  bool user_was_bound = false;          // By SESS.BIND: the value has no say any more.
  std::vector<Base> bases;
  std::vector<Change> history;  // The latest last; not stored.

  bool is_empty() const {
    return dead_until_ms == 0 && user.empty() && !user_was_bound && bases.empty() &&
           history.empty();
  }
};

// Everything there is about one key: its session, and what the prefix's rule adds.
struct KeyState {
  Session session;
  std::unique_ptr<KeyExtra> extra;

  KeyState clone() const;
  KeyExtra& more();
  // Gives the extra back if nothing is in it.
  void tidy();

  std::string_view user() const { return extra ? std::string_view{extra->user} : ""; }
  bool is_dead(std::int64_t now_ms) const { return extra && extra->dead_until_ms > now_ms; }
  // 0: no tombstone.
  std::int64_t dead_until_ms() const { return extra ? extra->dead_until_ms : 0; }
};

// What a command did to a key, beside apply()'s Outcome.
struct KeyOutcome : Outcome {
  bool refused = false;       // A write to a dead key was not stored.
  bool merged = false;        // A save was merged with what somebody else had saved.
  bool conflicted = false;    // And both had changed the same member; the later save has it.
  bool user_changed = false;  // The user index is out of date.
  bool mark_changed = false;  // A tombstone came or went: the stored copy is out of date.
  bool revoked = false;       // SESS.DESTROY ended it; somebody may listen for that.
  bool evicted = false;       // It was ended for its memory.

  bool must_store() const { return Outcome::must_store() || user_changed || mark_changed; }
};

// What the statistics are told of commands on keys: of each when it was served, of those on held
// keys when what they did is taken over.
struct KeyTally {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t dead_writes = 0;
  std::uint64_t merged_saves = 0;
  std::uint64_t merge_conflicts = 0;

  void note(const CommandSpec& command, const KeyOutcome& outcome);
};

// Applies one command on one key by the rule of its prefix (null: Redis' rules alone), and appends
// its reply. `key` is its name. Everything that a connection, a transaction or a test does to a key
// goes through here.
KeyOutcome perform(KeyState& state, const PrefixRule* rule, std::string_view key,
                   const CommandSpec& command, std::span<const std::string_view> words,
                   const ApplyContext& context, std::string& out);

// Deletes the value if it is due, and takes a tombstone away that is over: what a key's timer
// calls.
KeyOutcome expire_key(KeyState& state, const PrefixRule* rule, std::string_view key,
                      std::int64_t now_ms);

// The rest of what follows from a change that was made otherwise (RENAME, COPY): expiry, user and
// tombstone by the rule.
void follow_rule(KeyState& state, const PrefixRule* rule, std::string_view key,
                 const ApplyContext& context, KeyOutcome& outcome);

// The value with its version as a hidden member, if it is a JSON object that is to be merged.
std::string with_version(std::string_view value);
inline constexpr std::string_view version_member = "__greenroom";

}  // namespace greenroom
