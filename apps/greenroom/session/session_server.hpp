// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include <troupe/gen_server.hpp>

#include "persistence/shard_writer.hpp"
#include "resp/packed_command.hpp"
#include "resp/reply_writer.hpp"
#include "session/apply.hpp"
#include "session/session.hpp"
#include "session/session_house.hpp"

namespace greenroom {

// The process of one session: it owns the value of one key. Commands on the key are calls to it, so
// they take effect one after the other; the reply is the bytes the client gets.
//
// It lives as long as the key has a value. When the value goes (deleted, or expired by its own
// timer, exact to the millisecond) and that is stored, it takes its entry out of the table and
// ends; a call that comes too late is answered by nobody, which the caller takes as "look again".
//
// Writes go to the shard's writer, one at a time: what changes while one is under way is stored by
// the next, so that ten quick changes cost two writes. With Durability::commit a reply waits until
// the change it reports is stored; otherwise it is sent at once, unless the last write has been
// under way for longer than `relaxed_limit`.
//
// If it crashes, the entry of the dead process stays: whoever asks next starts a new process, which
// finds that entry and reads what was stored.
struct SessionServer : troupe::GenServer<SessionServer> {
  struct Apply {
    PackedCommand command;
    RespVersion version = RespVersion::resp2;
    bool counts_as_access = true;
    using Reply = std::string;
  };
  // For tests of isolation: throws.
  struct Panic {
    using Reply = std::string;
  };

  // The shard's writer has started: whatever its predecessor had not answered is lost.
  struct WriterStarted {};
  struct StoreAgain {};

  // `stored`: the value read at start-up, empty for a key that is new or whose process crashed.
  SessionServer(HouseRef house, std::string storage_key, std::string stored);
  ~SessionServer();

  troupe::Async<troupe::Init> init(troupe::Process& self);
  troupe::Next handle_call(troupe::Process& self, Apply message, troupe::From<std::string> from);
  troupe::Next handle_call(troupe::Process& self, Panic message, troupe::From<std::string> from);
  using Info = troupe::Messages<Stored, StoreFailed, WriterStarted, StoreAgain>;
  troupe::Next handle_info(troupe::Process& self, Stored message);
  troupe::Next handle_info(troupe::Process& self, StoreFailed message);
  troupe::Next handle_info(troupe::Process& self, WriterStarted message);
  troupe::Next handle_info(troupe::Process& self, StoreAgain message);
  troupe::Next handle_timeout(troupe::Process& self);

 private:
  // A reply that waits until `revision` is stored.
  struct Held {
    std::uint64_t revision;
    troupe::From<std::string> from;
    std::string reply;
  };

  static constexpr std::int64_t relaxed_limit_ms = 1'000;
  // Between two attempts to store what could not be stored.
  static constexpr troupe::Duration retry_interval = std::chrono::seconds{1};
  // A new process whose first command does not come ends.
  static constexpr troupe::Duration first_command_limit = std::chrono::seconds{5};

  void count(const Outcome& outcome);
  void store(troupe::Process& self);
  void release(std::uint64_t revision, const std::string* error);
  troupe::Next next(troupe::Process& self);

  HouseRef house_;
  std::string storage_key_;
  std::string stored_;
  Session session_;
  std::uint64_t revision_ = 0;  // of the value in memory
  std::uint64_t stored_revision_ = 0;
  std::uint64_t under_way_ = 0;  // the revision that is being stored; 0: none
  std::int64_t under_way_since_ms_ = 0;
  std::deque<Held>* held_ = nullptr;  // null while nobody waits, which is nearly always
  bool counted_ = false;
  bool counted_expiry_ = false;
};

}  // namespace greenroom
