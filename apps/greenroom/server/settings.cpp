// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/settings.hpp"

#include "resp/letters.hpp"

namespace greenroom {

std::optional<std::string> ServerSettings::change(std::string_view name, std::string_view value,
                                                  Mode mode) {
  if (same_word(name, "notify-keyspace-events")) {
    const auto flags = parse_event_flags(value);
    if (!flags) return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    if (mode == Mode::apply) server_.house.event_flags = *flags;
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
