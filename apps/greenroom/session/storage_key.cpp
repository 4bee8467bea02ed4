// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/storage_key.hpp"

namespace greenroom {

std::string storage_key(std::uint8_t database, std::string_view key) {
  std::string result;
  result.reserve(key.size() + 1);
  result += static_cast<char>(database);
  result += key;
  return result;
}

std::uint8_t database_of(std::string_view storage_key) {
  return static_cast<std::uint8_t>(storage_key.front());
}

std::string_view key_in(std::string_view storage_key) { return storage_key.substr(1); }

}  // namespace greenroom
