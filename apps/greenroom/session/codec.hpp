// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "session/key_state.hpp"
#include "session/session.hpp"

namespace greenroom {

// A key as it is stored, where it is not packed (packed_record.hpp). All numbers are little-endian.
//
//   offset  bytes
//        0  1  version of this layout: 1, or 2 if it has a user or is a tombstone
//        1  1  type of the value, a ValueType; 0: none, a tombstone
//        2  2  length of the user's name, and 0x8000 if SESS.BIND said it
//        4  4  length of the value in bytes
//        8  8  expires at, Unix ms, 0: never; of a tombstone, when it ends
//       16  8  created at, Unix ms
//       24  8  last accessed at, Unix ms, as of the time of storing
//       32  8  revision
//       40     the value: a string as it is; a hash as packed pairs, at least one, each field once;
//              a set as the same with empty values
//              the user's name
//
// There is no checksum: that is the storage's business, which has one for the record around it.
std::string encode_key(const KeyState& key);

// What may be wrong with stored bytes. None of it is trusted, so all of it is an outcome.
enum class DecodeError : std::uint8_t {
  too_short,        // Less than a header, or less behind it than announced.
  unknown_version,  // Written by a later Greenroom.
  unknown_type,     // The same, or damage.
  damaged,          // What no encode_key() ever wrote.
};

std::string_view to_string(DecodeError error);

// The counters of reads start anew. The value may be due.
std::expected<KeyState, DecodeError> decode_key(std::string_view record);

// What is to be known of a record without decoding its value. Views are into the record.
struct RecordFacts {
  ValueType type = ValueType::none;  // none: a tombstone
  bool user_was_bound = false;
  std::int64_t ends_at_ms = 0;  // when it expires, 0: never; when the tombstone ends
  std::int64_t created_at_ms = 0;
  std::int64_t last_access_at_ms = 0;
  std::uint64_t revision = 0;
  std::string_view user;
  std::string_view value;
  std::uint32_t dictionary = 0;  // that packed the value; 0: none did
  std::size_t plain_bytes = 0;   // of the value, unpacked

  bool exists() const { return type != ValueType::none; }
  bool expires() const { return exists() && ends_at_ms != 0; }
};

// Of the layout above.
std::expected<RecordFacts, DecodeError> facts_of_plain_record(std::string_view record);
inline constexpr std::size_t last_access_offset = 24;

// Of these facts and this value, unpacked.
std::expected<KeyState, DecodeError> key_of(const RecordFacts& facts, std::string_view value);

}  // namespace greenroom
