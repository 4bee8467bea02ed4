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
    if (error.found.size() > shown) error.found.replace(shown, std::string::npos, "...");
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

}  // namespace detail
}  // namespace troupe
