// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace greenroom {

// A key as it is stored and looked up: the database's number in front.
std::string storage_key(std::uint8_t database, std::string_view key);
std::uint8_t database_of(std::string_view storage_key);
std::string_view key_in(std::string_view storage_key);

}  // namespace greenroom
