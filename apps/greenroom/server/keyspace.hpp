// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "resp/command_table.hpp"
#include "resp/reply_writer.hpp"
#include "session/session_house.hpp"

namespace greenroom {

// Answers the commands that concern all keys of a database: DBSIZE, KEYS, SCAN, RANDOMKEY, FLUSHDB,
// FLUSHALL. They see each key's process through the common table, without stopping anybody: like
// Redis' SCAN, not like its KEYS, they tell of keys that come and go meanwhile or not.
troupe::Async<std::string> answer_keyspace(troupe::Process& self, HouseRef house,
                                           const CommandSpec& command,
                                           std::span<const std::string_view> words,
                                           std::uint8_t database, RespVersion version);

}  // namespace greenroom
