// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include "config/config.hpp"

namespace greenroom {

// Sets how the program's log is written from now on: as text, or as one JSON object a line with
// the members time, level, process, text and whatever fields the line has. May be called again.
void set_log(const LogConfig& config);

// Text as a JSON string, quotes included; bytes that are no UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

}  // namespace greenroom
