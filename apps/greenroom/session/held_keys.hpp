// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session/apply.hpp"
#include "session/key_state.hpp"
#include "session/prefix_rules.hpp"

namespace greenroom {

// A key's state while it is held still for somebody: a copy to work on.
struct HeldKey {
  KeyState state;
  std::vector<Event> events;  // What happened to it, in order.
  bool changed = false;       // The owner has to take the copy over.
  bool was_written = false;   // A write was answered from it, with a change or without one.
  bool revoked = false;       // Whatever became of it later.
};

// The keys of a transaction or of one command on several keys, by storage key. Whoever fills it
// has asked each key's owner to wait; what is done to the copies counts once all owners have taken
// them over, or never.
class HeldKeys {
 public:
  explicit HeldKeys(const PrefixRules& rules) : rules_{rules} {}

  void add(std::string storage_key, KeyState state) {
    keys_.insert_or_assign(std::move(storage_key), HeldKey{std::move(state), {}});
  }
  const PrefixRules& rules() const { return rules_; }
  // Null for a key that is not held.
  HeldKey* find(std::string_view storage_key) {
    const auto found = keys_.find(storage_key);
    return found == keys_.end() ? nullptr : &found->second;
  }
  std::map<std::string, HeldKey, std::less<>>& all() { return keys_; }
  KeyTally& tally() { return tally_; }

 private:
  const PrefixRules& rules_;
  std::map<std::string, HeldKey, std::less<>> keys_;
  KeyTally tally_;
};

// The storage keys that a request needs held, possibly with repetitions; none for a command on no
// key. The request is one that the command accepts.
std::vector<std::string> keys_to_hold(const CommandSpec& command,
                                      std::span<const std::string_view> words,
                                      std::uint8_t database);

// Carries out a command on keys that are all held, and appends its reply: those of one key, of
// several (MGET, DEL ...), and those that only make sense together: MSETNX, RENAME, RENAMENX, COPY.
void apply_held(const CommandSpec& command, std::span<const std::string_view> words,
                std::uint8_t database, HeldKeys& keys, const ApplyContext& context,
                std::string& out);

}  // namespace greenroom
