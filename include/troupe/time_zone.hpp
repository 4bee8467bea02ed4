// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <troupe/duration.hpp>

namespace troupe {

// Why there is no such time zone.
enum class TimeZoneError : std::uint8_t {
  unknown,    // the system's database has no zone of that name
  malformed,  // the rule, or the file, is not what it should be
};

// How local time follows from UTC, by the rule that holds now: an offset, and daylight saving time
// between two days of the year. Rules of the past, and changes that a government has only
// announced, are not known: for schedules, not for history.
//
// A rule is written as in POSIX (IEEE Std 1003.1-2017, 8.3, TZ): `CET-1CEST,M3.5.0,M10.5.0/3`. The
// system's database has one for each name, at the end of its files (RFC 8536, 3.3).
class TimeZone {
 public:
  TimeZone() = default;  // UTC
  static TimeZone fixed(std::chrono::seconds east_of_utc) noexcept;
  // `Europe/Berlin`: reads one small file of the system's database, and blocks for that.
  static std::expected<TimeZone, TimeZoneError> named(std::string_view name);
  static std::expected<TimeZone, TimeZoneError> from_rule(std::string_view posix_rule);
  // From the bytes of a TZif file, version 2 or later.
  static std::expected<TimeZone, TimeZoneError> from_tzif(std::string_view bytes);

  // What to add to UTC to get local time, at a moment since 1970.
  std::chrono::seconds offset_at(std::chrono::seconds utc) const noexcept;

 private:
  // A moment of each year, in local time before the change.
  struct Change {
    enum class Kind : std::uint8_t { julian, day_of_year, weekday } kind = Kind::julian;
    std::int32_t month = 0;
    std::int32_t week = 0;  // 1 to 5; 5: the last
    std::int32_t day = 0;
    std::int32_t time = 7'200;  // seconds from midnight, may be negative or more than a day
  };
  friend class TimeZoneRule;

  static std::int64_t moment_of(const Change& change, std::int64_t year) noexcept;

  std::int32_t standard_ = 0;  // seconds east of UTC
  std::int32_t daylight_ = 0;
  bool has_daylight_ = false;
  Change begin_;  // of daylight saving time
  Change end_;
};

}  // namespace troupe
