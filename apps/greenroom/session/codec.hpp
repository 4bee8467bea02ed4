// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "session/key_state.hpp"
#include "session/session.hpp"

namespace greenroom {

// A session as it is stored. All numbers are little-endian.
//
//   offset  bytes
//        0  1  version of this layout, 1
//        1  1  type of the value, a ValueType, not none
//        2  2  0, reserved
//        4  4  length of the value in bytes
//        8  8  expires at, Unix ms, 0: never
//       16  8  created at, Unix ms
//       24  8  last accessed at, Unix ms, as of the time of storing
//       32  8  revision
//       40     the value: a string as it is; a hash as packed pairs, at least one, each field once;
//              a set as the same with empty values
//
// There is no checksum: that is the storage's business, which has one for the record around it.
std::string encode_session(const Session& session);

// What may be wrong with stored bytes. None of it is trusted, so all of it is an outcome.
enum class DecodeError : std::uint8_t {
  too_short,        // Less than a header, or less value than announced.
  unknown_version,  // Written by a later Greenroom.
  unknown_type,     // The same, or damage.
  damaged,          // What no encode_session() ever wrote.
};

std::string_view to_string(DecodeError error);

// A key with its session, its user and its tombstone. What has neither user nor tombstone is stored
// as its session alone. Otherwise the version is 2, and
//
//        1  1  type of the value; 0: none, a tombstone, and at offset 8 is when it ends
//        2  2  length of the user's name, and 0x8000 if SESS.BIND said it
//       40     the value, and behind it the user's name
std::string encode_key(const KeyState& key);
std::expected<KeyState, DecodeError> decode_key(std::string_view bytes);

// The counters of reads start anew. The result has a value, and may be due.
std::expected<Session, DecodeError> decode_session(std::string_view bytes);

}  // namespace greenroom
