// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace greenroom {

// Splits an inline request into words, by the rules of redis-cli and telnet users: blanks separate;
// "..." understands \n \r \t \b \a \xHH and \ before any other byte; '...' understands only \'; a
// closing quote must be followed by a blank or the end.
//
// The decoded words are appended to `text`, and their offsets and lengths in it to `words`.
// False, with unspecified contents, for unbalanced quotes.
bool split_inline(std::string_view line, std::string& text,
                  std::vector<std::pair<std::size_t, std::size_t>>& words);

}  // namespace greenroom
