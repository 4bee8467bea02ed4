// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace greenroom {

// One member of a JSON object, as it is written: the name without its quotes and with its escapes,
// the value with everything around it trimmed.
struct JsonMember {
  std::string_view name;
  std::string_view value;
};

// The members of a JSON object in their order; nothing if the text is no object (RFC 8259), nests
// deeper than 64 or has more than 1,024 members. Values are checked for brackets, strings and
// their ends, and not for what is between them: they are carried, not understood.
//
// Sessions are merged member by member, so that is as deep as anybody looks. Views into the text.
std::optional<std::vector<JsonMember>> split_json_object(std::string_view text);

// The members as an object, without blanks.
std::string join_json_object(const std::vector<JsonMember>& members);

// The string or number that a JSON pointer (RFC 6901, through objects only) leads to: a string
// without quotes, its escapes as they are. Nothing if it leads nowhere, or to something else.
std::optional<std::string> json_at(std::string_view text, std::string_view pointer);

}  // namespace greenroom
