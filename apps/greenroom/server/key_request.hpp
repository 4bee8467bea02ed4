// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <troupe/request.hpp>

#include "resp/command_table.hpp"
#include "session/session_server.hpp"

namespace greenroom {

// One command on one key, from the moment it is sent to the key's process until its reply is there.
// Knows what to do when there is no process (a read answers itself, a write starts one), when the
// process has ended in the meantime (look again), and when it has crashed (say so).
class KeyRequest {
 public:
  // Who asks, and how.
  struct Asker {
    std::uint64_t client = 0;
    RespVersion version = RespVersion::resp2;
    bool counts_as_access = true;
    bool leaves_tombstone = true;
  };

  KeyRequest(HouseRef house, const CommandSpec& command, std::span<const std::string_view> words,
             std::uint8_t database, const Asker& asker);

  const std::string& storage_key() const { return key_; }
  // Where it was sent; the null pid: it was answered without a process.
  troupe::Pid sent_to() const { return sent_to_; }
  // Where it would be sent now.
  troupe::Pid destination() const { return house_->find(key_); }

  // Whether the reply may wait for somebody to give a lock back: SESS.LOCK with WAIT, and SET with
  // NX and a time to live.
  bool may_wait_for_lock() const {
    return (command_->id == CommandId::sess_lock && packed_.words > 2) ||
           (command_->id == CommandId::set && packed_.words > 5);
  }

  // Sends it, or answers it at once. May start the key's process, which takes a moment.
  troupe::Async<> send(troupe::Process& self);
  // The reply's bytes for the client; empty if there is none within the limit.
  troupe::Async<std::string> reply(troupe::Process& self,
                                   troupe::Duration limit = troupe::infinity);
  // Puts a reply that was taken early back, for the next call of reply().
  void keep(std::string reply) { answered_ = std::move(reply); }

 private:
  HouseRef house_;
  const CommandSpec* command_;
  PackedCommand packed_;
  Asker asker_;
  std::string key_;
  troupe::Pid sent_to_;
  std::optional<troupe::PendingReply<std::string>> request_;
  std::string answered_;
  int failed_starts_ = 0;
};

}  // namespace greenroom
