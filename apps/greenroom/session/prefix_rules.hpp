// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace greenroom {

// What the keys with one prefix have beyond Redis' rules. Written as words, in any order:
//
//   tombstone=60s        a key that was deleted or expired stays dead for so long: a late save is
//                        answered as if it were stored, and is not
//   revive=auto          who may write the key again within that time:
//                          never       nobody but SET NX
//                          after-read  a connection that has read since that the key is gone
//                          auto        such a connection, unless it also was the last that read the
//                                      value alive: it may be shared by many requests, as Node's
//                                      are, and one of them may still hold the old value
//   dead-write=ok        the answer to a write that is not stored: ok, or error
//   merge=json           a save of a JSON object that was changed meanwhile is merged with it
//   lock-wait=500ms      SET NX PX on a key that ends in lock-suffix waits its turn, 1 s at most
//   lock-suffix=_LOCK    such keys are locks: they have no tombstones, and are never merged
//   lock-owner=connection  such a lock is given up when the connection that took it ends, and the
//                        next in line gets it at once; otherwise it lasts as long as its PX says
//   history=8            the last so many changes are told by SESS.HISTORY, 64 at most
//   idle=30m             a read or write makes the key live so long from then on
//   max-age=8h           and no longer than so long from its creation
//   user=/passport/user  where the name of the user is: a JSON pointer, or hash:FIELD
//   cap=5                a user's sessions beyond so many are revoked, the oldest first
//
// Where user or cap is given, a session without a user counts as anonymous: at the limit of memory
// those go first, the idlest before others.
//
// Times are a number and ms, s, m, h or d. "" takes the rule away.
struct PrefixRule {
  enum class Revive : std::uint8_t { never, after_read, automatic };

  std::string prefix;
  std::int64_t tombstone_ms = 0;
  Revive revive = Revive::automatic;
  bool dead_write_is_error = false;
  bool merges_json = false;
  std::int64_t lock_wait_ms = 0;
  std::string lock_suffix = "_LOCK";
  bool lock_ends_with_connection = false;
  std::uint32_t history = 0;
  std::int64_t idle_ms = 0;
  std::int64_t max_age_ms = 0;
  std::string user_pointer;  // JSON pointer, "/" first,
  std::string user_field;    // or the field of a hash.
  std::uint32_t cap = 0;     // 0: none.

  bool is_lock(std::string_view key) const {
    return !lock_suffix.empty() && key.ends_with(lock_suffix);
  }
  bool knows_users() const { return !user_pointer.empty() || !user_field.empty() || cap > 0; }

  friend bool operator==(const PrefixRule&, const PrefixRule&) = default;
};

inline constexpr std::uint32_t max_history = 64;

// The longest a lock is waited for, whatever is configured: clients give a command up after a few
// seconds, and a connection that waits does nothing else.
inline constexpr std::int64_t max_lock_wait_ms = 1'000;

// The error is a sentence for the operator, which names the word.
std::expected<PrefixRule, std::string> parse_prefix_rule(std::string_view prefix,
                                                         std::string_view words);
// The words that make this rule, in the order above, without what is as by default.
std::string to_words(const PrefixRule& rule);

// The rules of a server. Read by every command, changed by hand now and then: a set of rules is
// never changed but replaced, and the old ones stay as long as the server runs, so that who holds a
// pointer to a rule may go on; that is a few hundred bytes for each change somebody makes.
class PrefixRules {
 public:
  static constexpr std::size_t max_changes = 10'000;

  // The rule of the longest prefix of the key; null if there is none.
  const PrefixRule* find(std::string_view key) const;
  // Changes with each change of the rules: who has looked a rule up looks again.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  // Adds or replaces the rule for its prefix. False: changed too often.
  bool set(PrefixRule rule);
  bool remove(std::string_view prefix);
  std::vector<PrefixRule> all() const;

 private:
  using Set = std::vector<std::shared_ptr<const PrefixRule>>;  // The longest prefix first.

  bool replace(Set next);

  mutable std::mutex lock_;  // Of changes.
  std::vector<std::unique_ptr<const Set>> sets_;
  // Acquired by readers: pairs with the release in replace(), after the set was filled.
  std::atomic<const Set*> current_{nullptr};
  std::atomic<std::uint64_t> generation_{0};
};

}  // namespace greenroom
