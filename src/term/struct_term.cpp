// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <string>
#include <string_view>
#include <utility>

#include <troupe/struct_term.hpp>

namespace troupe {
namespace {

// Reading happens on one thread from beginning to end, and nothing in it waits.
thread_local std::size_t mapping_depth = 0;

constexpr std::size_t shown = 80;

bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
bool is_lower_or_digit(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

std::string_view describe(MappingError::Code code) noexcept {
  switch (code) {
    case MappingError::Code::missing_key:
      return "a key is missing";
    case MappingError::Code::wrong_kind:
      return "a term of another kind";
    case MappingError::Code::wrong_size:
      return "another size";
    case MappingError::Code::wrong_tag:
      return "another tag";
    case MappingError::Code::out_of_range:
      return "out of range";
    case MappingError::Code::unknown_name:
      return "an unknown name";
    case MappingError::Code::too_deep:
      return "nested too deep";
    case MappingError::Code::refused:
      return "refused";
  }
  return "";
}

}  // namespace

std::string MappingError::message() const {
  std::string text = path.empty() ? std::string{} : path + ": ";
  text += describe(code);
  if (!expected.empty()) text += ", expected " + expected;
  if (!found.empty()) text += ", found " + found;
  return text;
}

namespace detail {

MappingDepth::MappingDepth() noexcept { ++mapping_depth; }
MappingDepth::~MappingDepth() { --mapping_depth; }
bool MappingDepth::exceeded() const noexcept { return mapping_depth > max_mapping_depth; }

std::unexpected<MappingError> mismatch(MappingError::Code code, std::string_view expected,
                                       const Term& found) {
  MappingError error{code, {}, std::string{expected}, {}};
  // Only small terms are shown: printing a large one for its first characters would cost much.
  bool small = found.size() <= shown && !found.is_map() && !found.is_list() && !found.is_tuple();
  if (small) {
    error.found = to_erlang(found);
    if (error.found.size() > shown) error.found = error.found.substr(0, shown) + "...";
  } else {
    error.found = found.is_map()     ? "a map"
                  : found.is_tuple() ? "a tuple"
                  : found.is_list()  ? "a list"
                                     : "a binary";
    error.found += " of " + std::to_string(found.size());
  }
  return std::unexpected{std::move(error)};
}

MappingError within(MappingError error, std::string_view field) {
  std::string path{field};
  if (!error.path.empty() && error.path[0] != '[') path += '.';
  error.path.insert(0, path);
  return error;
}

MappingError within(MappingError error, std::size_t index) {
  std::string path = "[" + std::to_string(index) + "]";
  if (!error.path.empty() && error.path[0] != '[') path += '.';
  error.path.insert(0, path);
  return error;
}

MappingError missing_key(std::string_view field) {
  return {MappingError::Code::missing_key, std::string{field}, {}, {}};
}

std::string_view without_underscore(std::string_view name) noexcept {
  if (name.size() > 1 && name.ends_with('_') && !name.ends_with("__")) name.remove_suffix(1);
  return name;
}

std::string snake_case(std::string_view name) {
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
  name = without_underscore(name);
  std::string snake;
  for (std::size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (!is_upper(c)) {
      snake += c;
      continue;
    }
    bool after_word = i > 0 && is_lower_or_digit(name[i - 1]);
    bool ends_initials = i > 0 && is_upper(name[i - 1]) && i + 1 < name.size() &&
                         name[i + 1] >= 'a' && name[i + 1] <= 'z';
    if (after_word || ends_initials) snake += '_';
    snake += static_cast<char>(c - 'A' + 'a');
  }
  return snake;
}

}  // namespace detail
}  // namespace troupe
