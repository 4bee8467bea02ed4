// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// Keys as file names, so that no key harms another one or anything outside of the directory.
//
// Letters, digits, `_`, `-` and dots that are not the first character stand for themselves, every
// other byte is %XX in capitals, and the empty key is "%". A name of more than 200 characters would
// not fit a directory entry with all of its escapes: such a key gets the first 120 characters, "%~"
// and 32 hexadecimal digits of a hash. No key gives a name that begins with a dot or holds a slash.

#include <optional>
#include <string>
#include <string_view>

namespace troupe::storage {

inline constexpr std::size_t max_plain_name = 200;

std::string escape_key(std::string_view key);
// Nothing if it is not what escape_key gives for some key.
std::optional<std::string> unescape_key(std::string_view escaped);

std::string file_name_of(std::string_view key);
// True for names that hold a hash, from which the key cannot be told.
bool is_hashed_name(std::string_view name);

}  // namespace troupe::storage
