// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/file_names.hpp"

#include <cstdint>
#include <cstdio>

namespace troupe::storage {
namespace {

constexpr std::size_t kept_of_long_name = 120;
constexpr std::string_view hash_mark = "%~";
constexpr std::size_t hash_digits = 32;
constexpr std::string_view digits = "0123456789ABCDEF";

bool stands_for_itself(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || (c == '.' && !first);
}

// FNV-1a with two bases. Not proof against someone who looks for collisions, so the store compares
// the key kept beside the file and refuses the second of two.
std::string hash_of(std::string_view key) {
  std::uint64_t one = 0xcbf29ce484222325;
  std::uint64_t two = 0x9ae16a3b2f90404f;
  for (const char c : key) {
    one = (one ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    two = (two ^ static_cast<unsigned char>(c)) * 0x100000001b3 + (one >> 47);
  }
  char text[hash_digits + 1];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(one),
                static_cast<unsigned long long>(two));
  return text;
}

}  // namespace

std::string escape_key(std::string_view key) {
  if (key.empty()) return "%";
  std::string name;
  for (const char c : key) {
    if (stands_for_itself(c, name.empty())) {
      name.push_back(c);
    } else {
      name.push_back('%');
      name.push_back(digits[static_cast<unsigned char>(c) >> 4]);
      name.push_back(digits[static_cast<unsigned char>(c) & 15]);
    }
  }
  return name;
}

std::optional<std::string> unescape_key(std::string_view escaped) {
  if (escaped == "%") return "";
  std::string key;
  for (std::size_t at = 0; at < escaped.size(); ++at) {
    if (escaped[at] != '%') {
      key.push_back(escaped[at]);
      continue;
    }
    if (escaped.size() - at < 3) return std::nullopt;
    const auto high = digits.find(escaped[at + 1]);
    const auto low = digits.find(escaped[at + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    key.push_back(static_cast<char>(high << 4 | low));
    at += 2;
  }
  // One name per key: "%41" is not how 'A' is written.
  if (key.empty() || escape_key(key) != escaped) return std::nullopt;
  return key;
}

std::string file_name_of(std::string_view key) {
  std::string name = escape_key(key);
  if (name.size() <= max_plain_name) return name;
  name.resize(kept_of_long_name);
  name += hash_mark;
  name += hash_of(key);
  return name;
}

bool is_hashed_name(std::string_view name) {
  return name.size() == kept_of_long_name + hash_mark.size() + hash_digits &&
         name.substr(kept_of_long_name, hash_mark.size()) == hash_mark;
}

}  // namespace troupe::storage
