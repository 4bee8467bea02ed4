// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "resp/command_table.hpp"
#include "resp/reply_writer.hpp"
#include "session/session_house.hpp"

namespace greenroom {

// Answers the commands that concern all keys of a database: DBSIZE, KEYS, SCAN, RANDOMKEY, FLUSHDB,
// FLUSHALL. They see each key's process through the common table, without stopping anybody, and let
// others have their turn every thousand keys. So all of them are like Redis' SCAN, not like its
// KEYS: a key that is there all the while is told, or deleted, and one that comes or goes meanwhile
// is or is not. KEYS that match more than `max_reply_bytes` of them get an error.
troupe::Async<std::string> answer_keyspace(troupe::Process& self, HouseRef house,
                                           const CommandSpec& command,
                                           std::span<const std::string_view> words,
                                           std::uint8_t database, RespVersion version,
                                           std::size_t max_reply_bytes);

}  // namespace greenroom
