// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/settings.hpp"

#include <algorithm>

#include "resp/letters.hpp"
#include "resp/number.hpp"

namespace greenroom {

namespace {

// As Redis has it: 100, 100b, 1k (1,000), 1kb (1,024), and so on with m and g.
std::optional<std::int64_t> parse_memory(std::string_view text) {
  static constexpr struct {
    std::string_view name;
    std::int64_t bytes;
  } units[] = {{"", 1},          {"b", 1},        {"k", 1'000},         {"kb", 1 << 10},
               {"m", 1'000'000}, {"mb", 1 << 20}, {"g", 1'000'000'000}, {"gb", 1 << 30}};
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_integer(text.substr(0, end));
  if (!number || *number < 0) return std::nullopt;
  for (const auto& unit : units) {
    if (same_word(unit.name, text.substr(end)) && *number <= INT64_MAX / unit.bytes)
      return *number * unit.bytes;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> ServerSettings::change(std::string_view name, std::string_view value,
                                                  Mode mode) {
  if (same_word(name, "notify-keyspace-events")) {
    const auto flags = parse_event_flags(value);
    if (!flags) return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    if (mode == Mode::apply) server_.house.event_flags = *flags;
    return std::nullopt;
  }
  if (same_word(name, "maxmemory")) {
    const auto bytes = parse_memory(value);
    if (!bytes) return "argument must be a memory value";
    if (mode == Mode::apply) server_.house.max_memory_bytes = *bytes;
    return std::nullopt;
  }
  if (lower_case(name.substr(0, prefix_setting.size())) == prefix_setting) {
    const std::string_view prefix = name.substr(prefix_setting.size());
    auto rule = parse_prefix_rule(prefix, value);
    if (!rule) return rule.error();
    if (mode == Mode::check) return std::nullopt;
    PrefixRules& rules = server_.house.rules;
    const bool done = value.empty() ? rules.remove(prefix) : rules.set(std::move(*rule));
    if (!done) return "the rules were changed too often; restart to go on";
    return std::nullopt;
  }
  return std::string{};
}

}  // namespace greenroom
