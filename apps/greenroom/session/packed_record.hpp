// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "compression/dictionaries.hpp"
#include "session/codec.hpp"
#include "session/key_state.hpp"

namespace greenroom {

// A session as it is stored and as it lies in memory while nobody uses it: the record of codec.hpp
// where its value is small or does not compress, otherwise version 3, which is a third as large:
//
//   offset  bytes
//        0  1    3
//        1  1    type of the value, a ValueType, not none
//        2  6    expires at, Unix ms, 0: never
//        8  6    created at, Unix ms
//       14  6    last accessed at, Unix ms, as of the time of storing
//       20  1-10 revision            from here on lengths and numbers have 7 bits in each byte, low
//           1-5  the dictionary's number          bits first, the high bit says that more follow
//           1-5  length of the plain value, 64 KiB at most
//           1-5  twice the length of the user's name, and 1 if SESS.BIND said it
//                the user's name
//                the value, compressed (compression/dictionary.hpp), to the end
//
// Numbers take no more bytes than they need: a record has one form.
std::string pack_record(const KeyState& state, std::string_view key, Dictionaries& dictionaries);

// Of any version. Without the dictionary that packed it, a record is damaged.
std::expected<KeyState, DecodeError> unpack_record(std::string_view record,
                                                   const Dictionaries& dictionaries);

// Of any version.
std::expected<RecordFacts, DecodeError> facts_of_record(std::string_view record);

// Makes this the time of the last access of a record that facts_of_record knows.
void set_last_access(char* record, std::int64_t now_ms);

}  // namespace greenroom
