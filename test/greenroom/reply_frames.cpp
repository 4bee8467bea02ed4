// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "greenroom/reply_frames.hpp"

#include <cstdint>

#include "resp/number.hpp"

namespace greenroom::test {
namespace {

constexpr std::size_t malformed = static_cast<std::size_t>(-1);

// Where the line that begins at `at` ends, behind its CR LF.
std::size_t line_end(std::string_view stream, std::size_t at) {
  std::size_t cr = stream.find('\r', at);
  bool whole = cr != std::string_view::npos && cr + 1 < stream.size() && stream[cr + 1] == '\n';
  return whole && stream.substr(at, cr - at).find('\n') == std::string_view::npos ? cr + 2
                                                                                  : malformed;
}

std::size_t reply_end(std::string_view stream, std::size_t at, int depth) {
  if (at >= stream.size() || depth > 16) return malformed;
  std::size_t end = line_end(stream, at);
  if (end == malformed) return malformed;
  std::string_view text = stream.substr(at + 1, end - at - 3);
  switch (stream[at]) {
    case '+':
    case '-':
    case ',':
      return end;
    case '_':
      return text.empty() ? end : malformed;
    case '#':
      return text == "t" || text == "f" ? end : malformed;
    default:
      break;
  }
  auto number = parse_integer(text);
  if (!number) return malformed;
  switch (stream[at]) {
    case ':':
      return end;
    case '$':
    case '=': {
      if (*number == -1 && stream[at] == '$') return end;
      if (*number < 0 || stream.size() - end < static_cast<std::size_t>(*number) + 2)
        return malformed;
      end += static_cast<std::size_t>(*number);
      return stream.substr(end, 2) == "\r\n" ? end + 2 : malformed;
    }
    case '*':
    case '~':
    case '>':
    case '%': {
      if (*number == -1 && stream[at] == '*') return end;
      if (*number < 0) return malformed;
      std::int64_t elements = stream[at] == '%' ? 2 * *number : *number;
      for (; elements > 0 && end != malformed; --elements) end = reply_end(stream, end, depth + 1);
      return end;
    }
    default:
      return malformed;
  }
}

}  // namespace

std::optional<std::vector<std::string_view>> split_replies(std::string_view stream) {
  std::vector<std::string_view> replies;
  for (std::size_t at = 0; at < stream.size();) {
    std::size_t end = reply_end(stream, at, 0);
    if (end == malformed) return std::nullopt;
    replies.push_back(stream.substr(at, end - at));
    at = end;
  }
  return replies;
}

std::optional<std::size_t> first_reply(std::string_view stream) {
  const std::size_t end = reply_end(stream, 0, 0);
  if (end == malformed) return std::nullopt;
  return end;
}

}  // namespace greenroom::test
