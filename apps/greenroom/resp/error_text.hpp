// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// The error replies that several commands share, in Redis' words: clients match on them.
namespace greenroom::error_text {

inline constexpr std::string_view syntax = "ERR syntax error";
inline constexpr std::string_view wrong_type =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view not_an_integer = "ERR value is not an integer or out of range";
inline constexpr std::string_view not_a_float = "ERR value is not a valid float";
inline constexpr std::string_view overflow = "ERR increment or decrement would overflow";
inline constexpr std::string_view not_finite = "ERR increment would produce NaN or Infinity";
inline constexpr std::string_view offset_out_of_range = "ERR offset is out of range";
inline constexpr std::string_view too_long =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
inline constexpr std::string_view invalid_cursor = "ERR invalid cursor";

// What a client has sent, in an error: cut at 128 bytes, and at the first zero byte, as Redis does,
// being C.
inline std::string_view echoed(std::string_view text, std::size_t max = 128) {
  text = text.substr(0, max);
  return text.substr(0, text.find('\0'));
}

// `command` is the command's full name in lower case.
inline std::string wrong_arity(std::string_view command) {
  std::string text{"ERR wrong number of arguments for '"};
  text += command;
  text += "' command";
  return text;
}

// Of a subcommand that takes a word or none, in Redis' older way; `subcommand` is as it was asked.
inline std::string wrong_subcommand(std::string_view subcommand, std::string_view container) {
  return "ERR unknown subcommand or wrong number of arguments for '" +
         std::string(echoed(subcommand)) + "'. Try " + std::string(container) + " HELP.";
}

// Not Redis': the whole reply to a command whose answer is larger than the server collects.
inline std::string too_large_reply(std::size_t limit) {
  return "-ERR the reply is larger than " + std::to_string(limit) +
         " bytes (max-reply-bytes); ask for less at once\r\n";
}

inline std::string invalid_expire_time(std::string_view command) {
  return "ERR invalid expire time in '" + std::string(command) + "' command";
}

}  // namespace greenroom::error_text
