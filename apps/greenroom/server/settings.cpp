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
  return std::string{};
}

}  // namespace greenroom
