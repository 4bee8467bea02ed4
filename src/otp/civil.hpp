// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <chrono>
#include <cstdint>

// The calendar, with the standard library's dates: seconds since 1970 in any zone, and back.
namespace troupe {

inline constexpr std::int64_t seconds_per_day = 86'400;

struct CivilTime {
  std::int64_t year;
  unsigned month;    // 1 to 12
  unsigned day;      // 1 to 31
  unsigned weekday;  // 0: Sunday
  unsigned hour;
  unsigned minute;
};

inline std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) noexcept {
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)},
                                         std::chrono::month{month}, std::chrono::day{day}};
  return std::chrono::sys_days{date}.time_since_epoch().count();
}

inline CivilTime civil_of(std::int64_t seconds) noexcept {
  const std::chrono::sys_seconds time{std::chrono::seconds{seconds}};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const auto since_midnight = static_cast<unsigned>((time - day).count());
  return {int{date.year()},       unsigned{date.month()},
          unsigned{date.day()},   std::chrono::weekday{day}.c_encoding(),
          since_midnight / 3'600, since_midnight / 60 % 60};
}

inline bool is_leap(std::int64_t year) noexcept {
  return std::chrono::year{static_cast<int>(year)}.is_leap();
}

}  // namespace troupe
