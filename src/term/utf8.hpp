// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::detail {

// One character of UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
// `size` is 0 where the bytes at the start of the text are none.
struct Utf8Character {
  char32_t code = 0;
  std::size_t size = 0;
};

constexpr Utf8Character next_utf8(std::string_view text) noexcept {
  if (text.empty()) return {};
  auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  std::uint8_t first = at(0);
  if (first < 0x80) return {first, 1};
  std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return {};
  char32_t code = first & (0x7f >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (at(i) & 0x3f);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x1'0000};
  if (code < least[size] || code > 0x10'ffff || (code >= 0xd800 && code < 0xe000)) return {};
  return {code, size};
}

// False where the text is not valid UTF-8.
constexpr bool count_utf8(std::string_view text, std::size_t& characters) noexcept {
  characters = 0;
  while (!text.empty()) {
    Utf8Character next = next_utf8(text);
    if (next.size == 0) return false;
    text.remove_prefix(next.size);
    ++characters;
  }
  return true;
}

// The code must be a valid character.
inline void append_utf8(std::string& out, char32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x1'0000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

}  // namespace troupe::detail
