// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/json_object.hpp"

#include <cstddef>

namespace greenroom {
namespace {

constexpr std::size_t max_depth = 64;
constexpr std::size_t max_members = 1'024;
constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

// Behind the string that begins at the quote at `at`.
std::size_t skip_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    if (static_cast<unsigned char>(text[at]) < 0x20) return nowhere;
    if (text[at] == '\\') ++at;
  }
  return nowhere;
}

bool is_scalar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
         c == 'E';
}

// Behind the value that begins at `at`, which is no blank.
std::size_t skip_value(std::string_view text, std::size_t at) {
  std::string open;  // The brackets to be closed, innermost last.
  do {
    at = skip_blanks(text, at);
    if (at >= text.size()) return nowhere;
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
      if (at == nowhere) return nowhere;
    } else if (c == '{' || c == '[') {
      if (open.size() >= max_depth) return nowhere;
      open.push_back(c);
      ++at;
    } else if (c == '}' || c == ']') {
      if (open.empty() || open.back() != (c == '}' ? '{' : '[')) return nowhere;
      open.pop_back();
      ++at;
    } else if ((c == ',' || c == ':') && !open.empty()) {
      ++at;
    } else if (is_scalar(c)) {
      while (at < text.size() && is_scalar(text[at])) ++at;
    } else {
      return nowhere;
    }
  } while (!open.empty());
  return at;
}

}  // namespace

std::optional<std::vector<JsonMember>> split_json_object(std::string_view text) {
  std::vector<JsonMember> members;
  std::size_t at = skip_blanks(text, 0);
  if (at >= text.size() || text[at] != '{') return std::nullopt;
  at = skip_blanks(text, at + 1);
  bool is_first = true;
  while (at < text.size() && (text[at] != '}' || !is_first)) {
    if (members.size() >= max_members || text[at] != '"') return std::nullopt;
    const std::size_t name_end = skip_string(text, at);
    if (name_end == nowhere) return std::nullopt;
    const std::string_view name = text.substr(at + 1, name_end - at - 2);
    at = skip_blanks(text, name_end);
    if (at >= text.size() || text[at] != ':') return std::nullopt;
    const std::size_t begin = skip_blanks(text, at + 1);
    const std::size_t end = skip_value(text, begin);
    if (end == nowhere) return std::nullopt;
    members.push_back(JsonMember{name, text.substr(begin, end - begin)});
    is_first = false;
    at = skip_blanks(text, end);
    if (at >= text.size()) return std::nullopt;
    if (text[at] == '}') break;
    if (text[at] != ',') return std::nullopt;
    at = skip_blanks(text, at + 1);
  }
  if (at >= text.size() || skip_blanks(text, at + 1) != text.size()) return std::nullopt;
  return members;
}

std::string join_json_object(const std::vector<JsonMember>& members) {
  std::string text{"{"};
  for (const JsonMember& member : members) {
    if (text.size() > 1) text.push_back(',');
    text.append("\"").append(member.name).append("\":").append(member.value);
  }
  text.push_back('}');
  return text;
}

std::optional<std::string> json_at(std::string_view text, std::string_view pointer) {
  while (!pointer.empty()) {
    pointer.remove_prefix(1);  // The slash.
    const std::string_view name = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(name.size());
    const auto members = split_json_object(text);
    if (!members) return std::nullopt;
    bool found = false;
    for (const JsonMember& member : *members) {
      if (member.name != name) continue;
      text = member.value;
      found = true;
    }
    if (!found) return std::nullopt;
  }
  if (text.size() >= 2 && text.front() == '"') return std::string{text.substr(1, text.size() - 2)};
  const bool is_number =
      !text.empty() && text.find_first_not_of("-0123456789") == std::string_view::npos;
  if (!is_number) return std::nullopt;
  return std::string{text};
}

}  // namespace greenroom
