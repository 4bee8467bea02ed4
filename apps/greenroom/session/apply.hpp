// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "resp/command_table.hpp"
#include "resp/keyspace_events.hpp"
#include "resp/reply_writer.hpp"
#include "session/session.hpp"

namespace greenroom {

// The circumstances of a command: everything the session does not know itself.
struct ApplyContext {
  std::int64_t now_ms = 0;                   // Unix time,
  std::int64_t now_us = 0;                   // and the same finer, for versions.
  RespVersion version = RespVersion::resp2;  // Of the connection that asked.
  std::size_t max_string_bytes = 64u << 20;  // For commands that make a string longer.
  bool counts_as_access = true;              // False for a connection that said NO-TOUCH.
  std::uint64_t client = 0;                  // Who asks: a connection's number.
  bool leaves_tombstone = true;              // False where an administrator deletes: FLUSHALL.
  std::uint64_t random = 0;                  // Where commands with flag_random begin to draw from.

  // Of what the command changes; see Session::advance_revision.
  std::uint64_t least_revision() const {
    return static_cast<std::uint64_t>(std::max({now_us, now_ms * 1'000, std::int64_t{0}}));
  }
};

// What a command did to a session, for whoever stores it, arms its timer or counts.
struct Outcome {
  bool value_changed = false;   // The value is another one, or gone, or was set to the same again.
  bool expiry_changed = false;  // expires_at_ms() differs: arm or disarm the timer.
  bool created = false;         // There was no value before (or it was due), now there is.
  bool deleted = false;         // There was a value, now there is none; by expiry too.
  bool expired = false;         // The value found was due, and counted as gone.
  bool hit = false;             // A value was found, for the hit and miss counters.
  // For whoever listens to keyspace events, in order. A deadline that is set to what it was is
  // told, as in Redis, though nothing has to be stored.
  Events events;

  // Whether the stored copy is out of date: replace it, or remove it if the session has no value
  // now.
  bool must_store() const { return value_changed || expiry_changed; }
};

// Applies one command on one key to that key's session, and appends its reply to `out`.
//
// The commands are those of Handler::single_key, and of Handler::multi_key with one key (a
// KeyPart): DEL, UNLINK, EXISTS and TOUCH answer an integer, MSET answers OK, and MGET answers the
// element of its array. Any other command is an error reply, as is a wrong number of words; so the
// words may come from anywhere. A value that is due is deleted first, whether or not its timer has
// fired.
//
// Replies, errors and their order are those of Redis 7; the tests compare them byte for byte.
Outcome apply(Session& session, const CommandSpec& command, std::span<const std::string_view> words,
              const ApplyContext& context, std::string& out);

// Deletes the value if it is due: what the timer of a session calls.
Outcome expire_if_due(Session& session, std::int64_t now_ms);

}  // namespace greenroom
