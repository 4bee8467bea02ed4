// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace greenroom {

// Command words and options are ASCII in any case; the C library's functions would ask the locale.
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

constexpr bool same_word(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

inline std::string upper_case(std::string_view text) {
  std::string result{text};
  for (char& c : result) c = upper(c);
  return result;
}

inline std::string lower_case(std::string_view text) {
  std::string result{text};
  for (char& c : result) c = lower(c);
  return result;
}

}  // namespace greenroom
