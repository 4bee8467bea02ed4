// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Two texts that claim to be JSON objects, as they lie in a session and come in a save, and a
// pointer: the lines of the input. Beside crashes, these would be bugs:
//
// - an object that is another one after it was taken apart and put together;
// - a value that does not come back as it was from a client that read it and saved it unchanged;
// - a merge that is no JSON object, or that loses what the save has added.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "session/json_object.hpp"
#include "session/merge.hpp"

namespace {

using greenroom::JsonMember;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string_view take_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  return line;
}

bool has(const std::vector<JsonMember>& members, std::string_view name) {
  return std::ranges::find(members, name, &JsonMember::name) != members.end();
}

void check_object(std::string_view text) {
  const auto members = greenroom::split_json_object(text);
  if (!members) return;
  const std::string joined = greenroom::join_json_object(*members);
  const auto again = greenroom::split_json_object(joined);
  require(again && again->size() == members->size());
  for (std::size_t i = 0; i < members->size(); ++i) {
    require((*again)[i].name == (*members)[i].name);
    require((*again)[i].value == (*members)[i].value);
  }
  if (members->size() >= 1'000 || has(*members, greenroom::version_member)) return;
  const auto unchanged = greenroom::merge_json(text, {}, greenroom::with_version(text));
  require(unchanged && !unchanged->was_merged && unchanged->value == joined);
}

void check_merge(std::string_view present, std::string_view save) {
  const std::vector<greenroom::KeyExtra::Base> bases{greenroom::base_of(save)};
  const std::string versioned = greenroom::with_version(save);
  for (const std::string_view given : {save, std::string_view{versioned}}) {
    const auto merged = greenroom::merge_json(present, bases, given);
    if (!merged) continue;
    const auto result = greenroom::split_json_object(merged->value);
    const auto saved = greenroom::split_json_object(given);
    require(saved.has_value());
    if (!result) {  // Two objects within the limit may make one beyond it.
      require(saved->size() > 500);
      continue;
    }
    for (const JsonMember& member : *saved) {
      const bool was_known = greenroom::split_json_object(save) && given != save;
      require(was_known || member.name == greenroom::version_member || has(*result, member.name));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  const std::string_view pointer = take_line(rest);
  const std::string_view save = take_line(rest);
  const std::string_view present = rest;
  check_object(save);
  check_object(present);
  check_merge(present, save);
  (void)greenroom::json_at(present, pointer.starts_with('/') ? pointer : "");
  return 0;
}
