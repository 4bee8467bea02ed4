// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <troupe/gen_server.hpp>

#include "persistence/shard_writer.hpp"
#include "resp/packed_command.hpp"
#include "resp/reply_writer.hpp"
#include "session/apply.hpp"
#include "session/held_keys.hpp"
#include "session/session.hpp"
#include "session/session_house.hpp"
#include "session/sleeping_session.hpp"

namespace greenroom {

// The wall clock that lives and expiry are counted by: milliseconds since 1970.
inline std::int64_t now_ms(troupe::Process& self) {
  return self.system_time() / std::chrono::milliseconds{1};
}

// The clock that waiting is counted by, as milliseconds: nobody sets it.
inline std::int64_t monotonic_ms(troupe::Process& self) {
  return self.monotonic_time() / std::chrono::milliseconds{1};
}

// The process of one session: it owns the value of one key. Commands on the key are calls to it, so
// they take effect one after the other; the reply is the bytes the client gets.
//
// It lives as long as the key has a value, or somebody watches or holds the key. When the value
// goes (deleted, or expired: the house's clock tells it, to the millisecond) and that is stored, it
// takes its entry out of the table and ends; a call that comes too late is answered by nobody,
// which the caller takes as "look again".
//
// Writes go to the shard's writer, one at a time: what changes while one is under way is stored by
// the next, so that ten quick changes cost two writes. With Durability::commit a reply waits until
// the change it reports is stored; otherwise it is sent at once, unless nothing could be stored for
// longer than `relaxed_limit`: the disk does not answer, or answers with errors.
//
// When nothing is under way it falls asleep: the process goes on as a SleepingSession, a record of
// a hundred bytes, and the next message wakes it.
// Where nothing is stored, one that is written to often sleeps uncompressed at first.
// What stays awake: a large value, a session that somebody waits for, watches or holds, and one
// that remembers what its readers have seen (merge=json, a tombstone that was asked for).
//
// After its end a session may stay on as a tombstone (session/prefix_rules.hpp), without a value
// and out of sight of KEYS and DBSIZE, so that late saves find it.
//
// A key can be held (see server/key_locks.hpp): the holder gets a copy, everybody else's commands
// wait here in order, until the holder gives a new state, or lets go, or dies.
//
// If it crashes, the entry of the dead process stays: whoever asks next starts a new process, which
// finds that entry and reads what was stored.
struct SessionServer : troupe::GenServer<SessionServer> {
  struct Apply {
    PackedCommand command;
    RespVersion version = RespVersion::resp2;
    bool counts_as_access = true;
    bool leaves_tombstone = true;
    std::uint64_t client = 0;
    using Reply = std::string;
  };
  // For tests of isolation: throws.
  struct Panic {
    using Reply = std::string;
  };

  // Holds the key for the caller from the answer on.
  struct Held {
    KeyState state;
    bool was_touched = false;  // since the caller began to watch it; or it is not watching
  };
  struct Hold {
    using Reply = Held;
  };
  // From the holder: this is the state now, or it is as it was, which is what its client will be
  // told. Lets go. Answered when that is as durable as a command's change would be: nothing, or an
  // error as the client gets it.
  struct TakeOver {
    std::optional<KeyState> state;
    std::vector<Event> events;
    bool was_revoked = false;  // on the way to this state
    using Reply = std::string;
  };
  // From the holder: lets go, nothing has changed or was promised.
  struct LetGo {
    troupe::Pid holder;
  };
  // From now on the caller's Hold tells whether the key was touched, until Unwatch.
  struct Watch {
    using Reply = bool;
  };
  struct Unwatch {
    troupe::Pid watcher;
  };

  // The session's user has more sessions than the rule allows, and this is the oldest.
  struct Revoke {
    std::string user;
  };

  // At the limit of memory: whether the session may go, and how long nobody has used it.
  struct Idleness {
    bool is_anonymous = false;
    std::int64_t last_access_at_ms = 0;
  };
  struct TellIdleness {
    using Reply = Idleness;
  };
  // Ends the session if it is still anonymous and unused since. True: it did.
  struct Evict {
    std::int64_t last_access_at_ms;
    using Reply = bool;
  };

  // The shard's writer has started: whatever its predecessor had not answered is lost.
  struct WriterStarted {};
  struct StoreAgain {};
  // There is a dictionary now, or it has waited long enough (packing_queue.hpp): a value that is
  // kept as it is may get smaller.
  struct PackAgain {};

  // In the place of a process that crashed: reads what is stored.
  SessionServer(HouseRef house, std::string storage_key);
  // Woken. Throws if the record cannot be read.
  SessionServer(troupe::Process& self, HouseRef house, troupe::DormantPtr sleeper);
  ~SessionServer();

  troupe::Async<troupe::Init> init(troupe::Process& self);
  troupe::Next handle_call(troupe::Process& self, Apply message, troupe::From<std::string> from);
  troupe::Next handle_call(troupe::Process& self, Panic message, troupe::From<std::string> from);
  troupe::Next handle_call(troupe::Process& self, Hold message, troupe::From<Held> from);
  troupe::Next handle_call(troupe::Process& self, TakeOver message, troupe::From<std::string> from);
  troupe::Next handle_call(troupe::Process& self, Watch message, troupe::From<bool> from);
  troupe::Next handle_call(troupe::Process& self, TellIdleness message,
                           troupe::From<Idleness> from);
  troupe::Next handle_call(troupe::Process& self, Evict message, troupe::From<bool> from);
  using Info = troupe::Messages<Stored, StoreFailed, WriterStarted, StoreAgain, LetGo, Unwatch,
                                Revoke, PackAgain, ExpiryClock::Due, troupe::Down>;
  troupe::Next handle_info(troupe::Process& self, Stored message);
  troupe::Next handle_info(troupe::Process& self, StoreFailed message);
  troupe::Next handle_info(troupe::Process& self, WriterStarted message);
  troupe::Next handle_info(troupe::Process& self, StoreAgain message);
  troupe::Next handle_info(troupe::Process& self, LetGo message);
  troupe::Next handle_info(troupe::Process& self, Unwatch message);
  troupe::Next handle_info(troupe::Process& self, Revoke message);
  troupe::Next handle_info(troupe::Process& self, PackAgain message);
  troupe::Next handle_info(troupe::Process& self, ExpiryClock::Due message);
  troupe::Next handle_info(troupe::Process& self, troupe::Down message);
  troupe::Next handle_timeout(troupe::Process& self);

 private:
  // A reply that waits until `revision` is stored.
  struct LateReply {
    std::uint64_t revision;
    troupe::From<std::string> from;
    std::string reply;
  };
  // What came while the key was held, in order: a command, another holder, its revocation, or that
  // the connection has ended whose lock it is.
  struct Waiting {
    std::optional<Apply> command{};
    std::optional<troupe::From<std::string>> from{};
    std::optional<troupe::From<Held>> holder{};
    std::optional<Revoke> revoke{};
    troupe::Pid gone_owner{};
  };
  // A SET NX on a lock that somebody has; it gets the lock in its turn. Waits and locks end by the
  // monotonic clock.
  struct LockWaiter {
    Apply command;
    troupe::From<std::string> from;
    std::int64_t until_ms;
    troupe::Ref monitor;
    WaitingClients::Wait wait;
    std::size_t bytes() const { return sizeof(*this) + command.command.bytes.size(); }
  };
  // SESS.LOCK: who has the session to itself, and who comes next.
  struct OwnLock {
    struct Waiting {
      troupe::From<std::string> from;
      RespVersion version;
      std::uint64_t client;
      std::int64_t until_ms;
      std::int64_t hold_ms;
      troupe::Ref monitor;
      WaitingClients::Wait wait;
    };
    std::uint64_t token = 0;  // 0: nobody has it
    std::uint64_t client = 0;
    troupe::Pid owner;
    troupe::Ref monitor;
    std::int64_t until_ms = 0;
    std::deque<Waiting> waiting;  // at most what the connections have under way
  };
  struct Watcher {
    troupe::Pid pid;
    troupe::Ref monitor;
    bool touched = false;
  };
  // What few sessions have, and those for a moment.
  struct Company {
    // Lists, because they are empty most of the time, and an empty one takes nothing from malloc.
    std::list<LateReply> late;
    std::list<Waiting> waiting;          // at most what the connections have under way
    std::list<LockWaiter> lock_waiters;  // likewise
    std::size_t lock_waiters_bytes = 0;
    std::vector<Watcher> watchers;
    troupe::Pid holder;
    troupe::Ref holder_monitor;
    std::unique_ptr<OwnLock> own_lock;
    // Whose SET NX the value is, where the rule says that such a lock ends with its connection.
    troupe::Pid lock_setter;
    troupe::Ref lock_setter_monitor;

    bool is_gone() const {
      return late.empty() && waiting.empty() && lock_waiters.empty() && watchers.empty() &&
             !holder && !own_lock && !lock_setter;
    }
  };

  static constexpr std::int64_t relaxed_limit_ms = 1'000;
  // Larger values are not packed and unpacked for each command: their processes stay awake, which
  // is a tenth of what they take. A set of a thousand members took 0.1 ms for each one more.
  static constexpr std::size_t largest_asleep = 8u << 10;
  // Between two attempts to store what could not be stored.
  static constexpr troupe::Duration retry_interval = std::chrono::seconds{1};
  struct FreeSleeper {
    void operator()(SleepingSession* sleeper) const { SleepingSession::free(sleeper); }
  };

  Company& company();
  bool is_held() const { return company_ && company_->holder; }
  const PrefixRule* rule();
  std::string_view key() const { return key_in(storage_key_); }
  bool is_lock() { return rule() != nullptr && rule_->is_lock(key()); }
  bool is_anonymous();
  void place(troupe::Process& self);
  void note_user(const std::string& before);
  // What stood before a command, for whoever asks afterwards what it has changed.
  struct Before {
    std::uint64_t revision;
    std::string user;
  };
  Before before() const { return {state_.session.revision(), std::string{state_.user()}}; }
  void note_outcome(troupe::Process& self, const KeyOutcome& outcome, const Before& before);
  void tell_popular(const CommandSpec& command);
  void record_event(troupe::Process& self, const KeyOutcome& outcome);
  void end(troupe::Process& self, SessionEvent::Kind ending);
  void revoke(troupe::Process& self, const Revoke& message);

  // session_locks.cpp
  bool waits_for_lock(const Apply& message, std::int64_t now_ms);
  void hand_lock_on(troupe::Process& self);
  void note_lock_setter(troupe::Process& self, troupe::Pid client);
  void forget_lock_setter(troupe::Process& self);
  void take_own_lock(troupe::Process& self, const Apply& message, troupe::From<std::string> from);
  void give_own_lock(troupe::Process& self, OwnLock::Waiting to);
  void free_own_lock(troupe::Process& self);
  void unlock(troupe::Process& self, const Apply& message, troupe::From<std::string> from);
  void end_overdue_locks(troupe::Process& self);
  void forget_locks_of(troupe::Process& self, troupe::Pid client);
  void end_lock_of(troupe::Process& self, troupe::Pid client);
  std::int64_t next_lock_end_ms() const;
  std::size_t lock_bytes() const;

  // session_storing.cpp
  void answer(troupe::Process& self, bool is_promise, std::string reply,
              troupe::From<std::string> from);
  void store(troupe::Process& self);
  void release(std::uint64_t revision, const std::string* error);

  // session_resting.cpp
  bool can_rest() const;
  bool may_rest_unpacked(troupe::Process& self);
  troupe::Next rest(troupe::Process& self);
  const std::string& packed();
  // False: the record is damaged, and nothing has changed.
  bool unpack(std::string_view record);

  // session_holding.cpp
  void let_go(troupe::Process& self);
  void grant(troupe::Process& self, troupe::From<Held> from);
  void forget_watcher(troupe::Process& self, troupe::Pid watcher);

  void serve(troupe::Process& self, Apply message, troupe::From<std::string> from);
  void tell(std::span<const Event> events, bool is_new);
  void note_change(std::uint64_t revision_before, std::span<const Event> events, bool is_new);
  void count(bool expired);
  void count_bytes();
  bool is_superfluous(troupe::Process& self);
  void arm(troupe::Process& self, std::int64_t due_ms);
  // Ends what is due, and says whether anything was.
  bool expire(troupe::Process& self);
  troupe::Next next(troupe::Process& self);
  troupe::Next end(troupe::Process& self);

  HouseRef house_;
  std::string storage_key_;
  KeyState state_;
  std::unique_ptr<SleepingSession, FreeSleeper> asleep_;  // what it woke from, while it is the same
  std::string packed_;                                    // the record of packed_revision_
  std::uint64_t packed_revision_ = 0;                     // 0: none is packed
  std::string_view kept_key_;            // as the key table keeps it; null: to be looked up
  std::int64_t accessed_before_ms_ = 0;  // it woke; 0: it is new
  std::int64_t counted_expiry_ms_ = 0;   // of the keys that expire; 0: it does not
  std::int64_t armed_ms_ = 0;            // for when it is entered in the expiry clock; 0: it is not
  const PrefixRule* rule_ = nullptr;
  std::uint64_t stored_revision_ = 0;
  std::uint64_t under_way_ = 0;  // the revision that is being stored; 0: none
  // The disk has taken nothing since, though there was something (monotonic); 0: it keeps up.
  std::int64_t behind_since_ms_ = 0;
  std::unique_ptr<Company> company_;
  std::uint32_t counted_bytes_ = 0;  // of Counters::dataset_bytes
  // The generation in which rule_ was looked up; there are at most PrefixRules::max_changes.
  std::uint16_t rules_seen_ = 0;
  bool is_listed_ : 1 = false;  // in the table of keys with a value, or in the other
  bool counted_ : 1 = false;
  bool waits_for_packing_ : 1 = false;  // it has a place in the queue
  bool is_new_ = false;                 // has the first look around before it
  bool has_left_ : 1 = false;           // in order: asleep, or gone from the tables
};

}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::KeyState> = true;
template <>
inline constexpr bool troupe::enable_message<greenroom::Event> = true;  // its name is a literal
