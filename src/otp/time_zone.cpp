// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/time_zone.hpp>

#include "otp/civil.hpp"

namespace troupe {

// Reads a rule of POSIX:
//
//     rule    = name offset [ name [offset] "," change "," change ]
//     name    = at least three letters, or < letters, digits, + and - >
//     offset  = [+|-] h[h[h]] [ ":" mm [ ":" ss ] ]          west of Greenwich is positive
//     change  = "M" month "." week "." day | "J" n | n       , then [ "/" offset ]
class TimeZoneRule {
 public:
  explicit TimeZoneRule(std::string_view text) noexcept : rest_{text} {}

  std::expected<TimeZone, TimeZoneError> read() {
    TimeZone zone;
    std::int32_t west = 0;
    if (rest_.size() > 255 || !name() || !time(west, 24)) return malformed();
    zone.standard_ = -west;
    if (rest_.empty()) return zone;
    zone.has_daylight_ = true;
    zone.daylight_ = zone.standard_ + 3'600;
    if (!name()) return malformed();
    if (!rest_.starts_with(',')) {
      if (!time(west, 24)) return malformed();
      zone.daylight_ = -west;
    }
    // Without days POSIX leaves them to the system; we want them.
    if (!skip(',') || !change(zone.begin_) || !skip(',') || !change(zone.end_) || !rest_.empty()) {
      return malformed();
    }
    return zone;
  }

 private:
  static std::unexpected<TimeZoneError> malformed() {
    return std::unexpected{TimeZoneError::malformed};
  }
  bool skip(char c) noexcept {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool name() noexcept {
    const bool is_quoted = skip('<');
    std::size_t length = 0;
    const auto belongs = [is_quoted](char c) {
      const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      return is_letter || (is_quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-'));
    };
    while (length < rest_.size() && belongs(rest_[length])) ++length;
    rest_.remove_prefix(length);
    return length >= 3 && (!is_quoted || skip('>'));
  }
  bool number(std::int32_t& value, std::int32_t low, std::int32_t high) noexcept {
    value = 0;
    std::size_t digits = 0;
    while (digits < rest_.size() && digits < 4 && rest_[digits] >= '0' && rest_[digits] <= '9') {
      value = value * 10 + (rest_[digits++] - '0');
    }
    rest_.remove_prefix(digits);
    return digits > 0 && value >= low && value <= high;
  }
  bool time(std::int32_t& seconds, std::int32_t most_hours) noexcept {
    const bool is_negative = skip('-');
    if (!is_negative) skip('+');
    std::int32_t hours = 0;
    std::int32_t minutes = 0;
    std::int32_t rest = 0;
    if (!number(hours, 0, most_hours)) return false;
    if (skip(':') && !number(minutes, 0, 59)) return false;
    if (skip(':') && !number(rest, 0, 59)) return false;
    seconds = (hours * 60 + minutes) * 60 + rest;
    if (is_negative) seconds = -seconds;
    return true;
  }
  bool change(TimeZone::Change& when) noexcept {
    using Kind = TimeZone::Change::Kind;
    if (skip('M')) {
      when.kind = Kind::weekday;
      if (!number(when.month, 1, 12) || !skip('.') || !number(when.week, 1, 5) || !skip('.') ||
          !number(when.day, 0, 6)) {
        return false;
      }
    } else {
      const bool is_julian = skip('J');
      when.kind = is_julian ? Kind::julian : Kind::day_of_year;
      if (!number(when.day, is_julian ? 1 : 0, 365)) return false;
    }
    return !skip('/') || time(when.time, 167);
  }

  std::string_view rest_;
};

std::expected<TimeZone, TimeZoneError> TimeZone::from_rule(std::string_view posix_rule) {
  return TimeZoneRule{posix_rule}.read();
}

TimeZone TimeZone::fixed(std::chrono::seconds east_of_utc) noexcept {
  TimeZone zone;
  zone.standard_ = static_cast<std::int32_t>(east_of_utc.count());
  return zone;
}

// A file of version 2 ends with the rule between two line feeds.
std::expected<TimeZone, TimeZoneError> TimeZone::from_tzif(std::string_view bytes) {
  if (!bytes.starts_with("TZif") || bytes.size() < 44 || bytes[4] < '2' || !bytes.ends_with('\n')) {
    return std::unexpected{TimeZoneError::malformed};
  }
  bytes.remove_suffix(1);
  const std::size_t begin = bytes.rfind('\n');
  if (begin == std::string_view::npos) return std::unexpected{TimeZoneError::malformed};
  return from_rule(bytes.substr(begin + 1));
}

// Local seconds since 1970, not yet corrected for the offset that holds before the change.
std::int64_t TimeZone::moment_of(const Change& change, std::int64_t year) noexcept {
  std::int64_t day = days_of(year, 1, 1);
  switch (change.kind) {
    case Change::Kind::day_of_year:
      day += change.day;
      break;
    case Change::Kind::julian:  // 1 to 365, as if there were no 29 February
      day += change.day - 1 + (is_leap(year) && change.day >= 60 ? 1 : 0);
      break;
    case Change::Kind::weekday: {
      const auto month = static_cast<unsigned>(change.month);
      const std::int64_t first = days_of(year, month, 1);
      const std::int64_t weekday = (first % 7 + 11) % 7;  // 1 January 1970 was a Thursday
      day = first + (change.day - weekday + 7) % 7 + (change.week - 1) * 7;
      const std::int64_t next_month =
          month == 12 ? days_of(year + 1, 1, 1) : days_of(year, month + 1, 1);
      if (day >= next_month) day -= 7;
      break;
    }
  }
  return day * seconds_per_day + change.time;
}

std::chrono::seconds TimeZone::offset_at(std::chrono::seconds utc) const noexcept {
  const std::chrono::seconds standard{standard_};
  if (!has_daylight_) return standard;
  const std::int64_t year = civil_of((utc + standard).count()).year;
  const std::int64_t begin = moment_of(begin_, year) - standard_;
  const std::int64_t end = moment_of(end_, year) - daylight_;
  const std::int64_t now = utc.count();
  // South of the equator daylight saving time spans the turn of the year.
  const bool is_daylight = begin < end ? now >= begin && now < end : now >= begin || now < end;
  return is_daylight ? std::chrono::seconds{daylight_} : standard;
}

}  // namespace troupe
