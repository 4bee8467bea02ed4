// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::detail {

// A trailing _ only keeps a name from being a keyword: class_ is class.
constexpr std::string_view without_underscore(std::string_view name) noexcept {
  if (name.size() > 1 && name.ends_with('_') && !name.ends_with("__")) name.remove_suffix(1);
  return name;
}

// my_app::Put<int> is Put.
constexpr std::string_view unqualified(std::string_view name) noexcept {
  if (name.ends_with('>')) {
    std::size_t open = 0;
    std::size_t at = name.size();
    do {
      --at;
      if (name[at] == '>') ++open;
      if (name[at] == '<') --open;
    } while (open > 0 && at > 0);
    name = name.substr(0, at);
  }
  if (std::size_t colon = name.rfind(':'); colon != std::string_view::npos) {
    name.remove_prefix(colon + 1);
  }
  return without_underscore(name);
}

// MyType2 and myType2 to my_type2, HTTPGet to http_get; of a qualified name the last part. Appends
// the characters to anything that takes them: a std::string is no constant expression with every
// library we support.
template <class Text>
constexpr Text& append_snake_case(Text& text, std::string_view name) {
  auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  name = unqualified(name);
  for (std::size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (!is_upper(c)) {
      text += c;
      continue;
    }
    bool after_word =
        i > 0 && (is_lower(name[i - 1]) || (name[i - 1] >= '0' && name[i - 1] <= '9'));
    bool ends_initials =
        i > 0 && is_upper(name[i - 1]) && i + 1 < name.size() && is_lower(name[i + 1]);
    if (after_word || ends_initials) text += '_';
    text += static_cast<char>(c - 'A' + 'a');
  }
  return text;
}
inline std::string snake_case(std::string_view name) {
  std::string text;
  return append_snake_case(text, name);
}

// Whether two names are the same in snake_case, for constant expressions. What is beyond the room
// counts as equal, so that it is refused rather than confused.
consteval bool same_in_snake_case(std::string_view one, std::string_view other) {
  struct Text {
    char characters[128] = {};
    std::size_t size = 0;
    constexpr void operator+=(char c) {
      if (size < sizeof characters) characters[size++] = c;
    }
  } first, second;
  append_snake_case(first, one);
  append_snake_case(second, other);
  return std::string_view{first.characters, first.size} ==
         std::string_view{second.characters, second.size};
}

}  // namespace troupe::detail
