// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/key_request.hpp"

namespace greenroom {

// One command on one key, as a client with RESP2 would send it; its reply's bytes.
troupe::Async<std::string> ask_key(troupe::Process& self, HouseRef house, CommandId command,
                                   std::vector<std::string> words, std::uint8_t database);

// ":42\r\n" is 42; anything else 0.
std::int64_t integer_in(std::string_view reply);
// "+word\r\n" is "word"; anything else is empty.
std::string_view word_in(std::string_view reply);

}  // namespace greenroom
