// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <troupe/duration.hpp>

namespace greenroom {

// "250ms", "30s", "15min", "12h", "7d"; a whole number and a unit. Nothing for anything else.
std::optional<troupe::Duration> parse_duration(std::string_view text);
// "512", "64KiB", "1MiB", "2GiB".
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// For people: "3 d 4 h", "12 min 5 s", "850 ms".
std::string duration_text(troupe::Duration duration);
// "12.3 MiB".
std::string bytes_text(std::uint64_t bytes);

}  // namespace greenroom
