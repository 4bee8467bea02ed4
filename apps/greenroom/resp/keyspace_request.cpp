// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/keyspace_request.hpp"

#include <charconv>

#include "resp/error_text.hpp"
#include "resp/letters.hpp"
#include "resp/number.hpp"

namespace greenroom {

std::expected<ScanRequest, std::string_view> parse_scan(std::span<const std::string_view> words) {
  ScanRequest scan;
  std::string_view cursor = words[1];
  auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), scan.cursor);
  if (error != std::errc{} || end != cursor.data() + cursor.size())
    return std::unexpected(error_text::invalid_cursor);
  for (std::size_t i = 2; i < words.size(); i += 2) {
    if (i + 1 == words.size()) return std::unexpected(error_text::syntax);
    std::string_view value = words[i + 1];
    if (same_word(words[i], "match")) {
      scan.pattern = value;
    } else if (same_word(words[i], "type")) {
      scan.type = value;
    } else if (same_word(words[i], "count")) {
      auto count = parse_integer(value);
      if (!count) return std::unexpected(error_text::not_an_integer);
      if (*count < 1) return std::unexpected(error_text::syntax);
      scan.count = *count;
    } else {
      return std::unexpected(error_text::syntax);
    }
  }
  return scan;
}

std::expected<FlushMode, std::string_view> parse_flush(std::span<const std::string_view> words) {
  if (words.size() == 1) return FlushMode::sync;
  if (words.size() == 2 && same_word(words[1], "sync")) return FlushMode::sync;
  if (words.size() == 2 && same_word(words[1], "async")) return FlushMode::async;
  return std::unexpected(error_text::syntax);
}

}  // namespace greenroom
