// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace greenroom::test {

// Splits a stream of RESP2 and RESP3 replies into single ones; nothing if the stream is not a whole
// number of well-formed replies.
std::optional<std::vector<std::string_view>> split_replies(std::string_view stream);

// The size of the first reply of a stream; nothing if it is not whole yet (or malformed).
std::optional<std::size_t> first_reply(std::string_view stream);

}  // namespace greenroom::test
