// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include "session/key_state.hpp"

namespace greenroom {

// SESS.* on one key: what Redis has no command for. They say what a session is, not only what its
// value is, and they know its version, which counts changes.
//
//   SESS.CREATE key value [EX seconds] [USER user]   the key, or null if it exists
//   SESS.GET key                                     a map, or null
//   SESS.SET key value [IF version] [EX seconds]     the new version; null if IF does not hold
//   SESS.PATCH key json                              merges members, null deletes; the new version
//   SESS.BIND key user                               1, or 0 if there is no such session
//   SESS.DESTROY key                                 1, or 0
//   SESS.TOUCH key [EX seconds]                      an access without a look: 1, or 0
//   SESS.HISTORY key [COUNT n]                       the last changes, the latest first
//
// SESS.LOCK and SESS.UNLOCK are about who waits, and so the process' own: session/session_lock.hpp.
//
// The effects on expiry, user and tombstone are perform()'s part.
void apply_sess(KeyState& state, const CommandSpec& command,
                std::span<const std::string_view> words, const ApplyContext& context,
                std::string& out, KeyOutcome& outcome);

}  // namespace greenroom
