// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <deque>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/request.hpp>

#include "session/held_keys.hpp"
#include "session/session_server.hpp"

namespace greenroom {

// Several keys held still by one connection, so that EXEC, MSET, RENAME and their like happen as
// one although each key is a process of its own.
//
// It asks the keys' processes one after the other, in the order of the keys, to hold still; each
// answers with a copy of its state once nobody else holds it, and from then on keeps other
// commands waiting. A key that does not exist gets a process for the time. The commands then work
// on the copies, and commit() sends those that changed back to their owners in one go, with no
// wait in between.
//
// - Nobody waits in a circle: all ask in the same order, and who waits for a command of one key
//   holds nothing.
// - All or nothing: until commit() the owners' states are untouched, and a connection that dies
//   before (killed, crashed) is noticed by their monitors; and it cannot die within commit(),
//   which does not wait. If an owner crashes, the connection learns it before it commits, or the
//   owner had its new state.
// - Nobody sees half of it: a key's owner serves others again only after it has taken its new
//   state over. Who reads several keys one by one compares SessionHouse::together_begun and _done
//   before and after, and holds the keys itself if somebody wrote meanwhile.
// - On disk each key is written by its shard: the reply waits for all of them, but a power cut
//   between two shards' writes can leave an unacknowledged transaction half stored.
//
// Considered and not taken: one process that runs all transactions (every key's owner would wait
// for it, and it is a queue), optimistic versions with retry (a long EXEC against short writes
// never gets through), and sending the commands to the owners under the lock (an abort in the
// middle would have to be undone).
class KeyLocks {
 public:
  KeyLocks(troupe::Process& self, HouseRef house)
      : self_{self}, house_{house}, keys_{house->rules} {}
  // Lets go of what is still held.
  ~KeyLocks();
  KeyLocks(const KeyLocks&) = delete;
  KeyLocks& operator=(const KeyLocks&) = delete;

  // Holds the keys, which may repeat. False: one of the processes could not be reached.
  troupe::Async<bool> hold(std::vector<std::string> storage_keys);

  // Whether a key was touched since this process began to watch it. Also true for a key that it
  // does not watch, and for one whose process has crashed since.
  bool was_touched(std::string_view storage_key) const;

  HeldKeys& keys() { return keys_; }

  // Hands the changed states to their owners, lets go of the others, and waits until the changes,
  // and what writes without effect have found, are as durable as the server promises: empty, or the
  // error as the client gets it.
  troupe::Async<std::string> commit();

 private:
  struct Owner {
    std::string key;
    troupe::Pid pid;
    bool was_touched;
  };

  troupe::Async<bool> hold_one(const std::string& key);

  troupe::Process& self_;
  HouseRef house_;
  HeldKeys keys_;
  std::vector<Owner> owners_;
  bool has_begun_ = false;
};

// A session's process cannot be started; why has been logged.
struct NoSession {};
// The null pid: look again, for whoever was faster has gone since.
using FoundSession = std::expected<troupe::Pid, NoSession>;

// So often a client's command has a session's process started in vain, before it is answered with
// an error. Each attempt is a report in the log, and may wait for the storage for half a minute.
inline constexpr int max_failed_starts = 3;

// A process for a key that has none: asleep, with the first command before it.
FoundSession new_session(HouseRef house, const std::string& storage_key);
// Starts a process in the place of a dead one, which reads what is stored.
troupe::Async<FoundSession> start_session(troupe::Process& self, HouseRef house,
                                          const std::string& storage_key);

// Asks the key's process, started if need be, to watch it for this process. False: unreachable.
troupe::Async<bool> watch_key(troupe::Process& self, HouseRef house, std::string storage_key);

}  // namespace greenroom
