// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Where the system keeps its time zones; what is in their files is otp/time_zone.cpp's.
#include <algorithm>
#include <fstream>
#include <iterator>

#include <troupe/time_zone.hpp>

namespace troupe {

std::expected<TimeZone, TimeZoneError> TimeZone::named(std::string_view name) {
  const bool is_plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  });
  if (name.empty() || name.size() > 64 || name.starts_with('/') || !is_plain) {
    return std::unexpected{TimeZoneError::unknown};
  }
  std::ifstream file{"/usr/share/zoneinfo/" + std::string{name}, std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  if (bytes.empty()) return std::unexpected{TimeZoneError::unknown};
  return from_tzif(bytes);
}

}  // namespace troupe
