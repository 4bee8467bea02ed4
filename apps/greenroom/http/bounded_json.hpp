// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace greenroom {

// JSON that came from outside. The library reads without recursion, but it copies, merges and
// writes with a stack frame for each level: a client's session of 300,000 brackets would have ended
// the program as soon as somebody looked at it over HTTP.
inline constexpr int max_json_depth = 512;

// A discarded value (is_discarded()) if the text is no JSON, or nests deeper.
nlohmann::json parse_json(std::string_view text);

}  // namespace greenroom
