// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/inline_words.hpp"

namespace greenroom {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Reads up to the closing quote; `at` starts behind the opening one and ends behind the closing
// one.
bool read_double_quoted(std::string_view line, std::size_t& at, std::string& text) {
  while (at < line.size()) {
    char c = line[at];
    if (c == '"') {
      ++at;
      return true;
    }
    if (c == '\\' && at + 3 < line.size() && line[at + 1] == 'x' && hex_value(line[at + 2]) >= 0 &&
        hex_value(line[at + 3]) >= 0) {
      text.push_back(static_cast<char>(hex_value(line[at + 2]) * 16 + hex_value(line[at + 3])));
      at += 4;
    } else if (c == '\\' && at + 1 < line.size()) {
      text.push_back(unescaped(line[at + 1]));
      at += 2;
    } else {
      text.push_back(c);
      ++at;
    }
  }
  return false;
}

bool read_single_quoted(std::string_view line, std::size_t& at, std::string& text) {
  while (at < line.size()) {
    char c = line[at];
    if (c == '\'') {
      ++at;
      return true;
    }
    if (c == '\\' && at + 1 < line.size() && line[at + 1] == '\'') {
      c = '\'';
      ++at;
    }
    text.push_back(c);
    ++at;
  }
  return false;
}

// Reads one word. A quote may open in the middle of a word, but ends the word when it closes.
bool read_word(std::string_view line, std::size_t& at, std::string& text) {
  while (at < line.size() && !is_blank(line[at])) {
    char c = line[at];
    if (c != '"' && c != '\'') {
      text.push_back(c);
      ++at;
      continue;
    }
    ++at;
    bool closed =
        c == '"' ? read_double_quoted(line, at, text) : read_single_quoted(line, at, text);
    return closed && (at == line.size() || is_blank(line[at]));
  }
  return true;
}

}  // namespace

bool split_inline(std::string_view line, std::string& text,
                  std::vector<std::pair<std::size_t, std::size_t>>& words) {
  std::size_t at = 0;
  for (;;) {
    while (at < line.size() && is_blank(line[at])) ++at;
    if (at == line.size()) return true;
    std::size_t begin = text.size();
    if (!read_word(line, at, text)) return false;
    words.emplace_back(begin, text.size() - begin);
  }
}

}  // namespace greenroom
