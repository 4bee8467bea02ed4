// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <array>
#include <cctype>

#include <troupe/cron.hpp>

#include "otp/civil.hpp"

namespace troupe {
namespace {

constexpr std::string_view month_names = "janfebmaraprmayjunjulaugsepoctnovdec";
constexpr std::string_view day_names = "sunmontuewedthufrisat";

struct FieldKind {
  const char* what;
  unsigned low;
  unsigned high;
  std::string_view names;  // three letters each, from `low` on
};
constexpr std::array<FieldKind, 5> field_kinds{
    {{"a minute, 0 to 59", 0, 59, {}},
     {"an hour, 0 to 23", 0, 23, {}},
     {"a day, 1 to 31", 1, 31, {}},
     {"a month, 1 to 12 or jan to dec", 1, 12, month_names},
     {"a weekday, 0 to 7 or sun to sat", 0, 7, day_names}}};

struct Macro {
  std::string_view name;
  std::string_view meaning;
};
constexpr Macro macros[] = {{"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},
                            {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
                            {"@monthly", "0 0 1 * *"},  {"@yearly", "0 0 1 1 *"},
                            {"@annually", "0 0 1 1 *"}};

constexpr bool has(std::uint64_t bits, unsigned value) noexcept { return bits >> value & 1; }

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

class CronParser {
 public:
  explicit CronParser(std::string_view text) noexcept : text_{text} {}

  std::expected<CronExpression, CronError> parse() {
    if (text_.size() > CronExpression::max_length) {
      return std::unexpected{CronError{CronExpression::max_length, "the end"}};
    }
    CronExpression result;
    std::uint64_t* const fields[] = {&result.minutes_, &result.hours_, &result.days_,
                                     &result.months_, &result.weekdays_};
    for (std::size_t i = 0; i < field_kinds.size(); ++i) {
      skip_spaces();
      if (i == 2) result.any_day_ = peek() == '*';
      if (i == 4) result.any_weekday_ = peek() == '*';
      if (!field(field_kinds[i], *fields[i])) {
        return std::unexpected{CronError{at_, field_kinds[i].what}};
      }
    }
    skip_spaces();
    if (at_ != text_.size()) return std::unexpected{CronError{at_, "the end"}};
    if (has(result.weekdays_, 7)) result.weekdays_ |= 1;
    return result;
  }

 private:
  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool skip(char c) noexcept {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void skip_spaces() noexcept {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }

  // A list of ranges, up to the next space.
  bool field(const FieldKind& kind, std::uint64_t& bits) {
    do {
      unsigned first = kind.low;
      unsigned last = kind.high;
      unsigned step = 1;
      if (!skip('*')) {
        if (!value(kind, first)) return false;
        last = first;
        if (skip('-') && (!value(kind, last) || last < first)) return false;
      }
      if (skip('/')) {
        if (!number(step) || step == 0) return false;
        // `5/10` is from 5 on.
        if (last == first) last = kind.high;
      }
      for (unsigned i = first; i <= last; i += step) bits |= std::uint64_t{1} << i;
    } while (skip(','));
    return peek() == ' ' || peek() == '\t' || peek() == '\0';
  }
  bool number(unsigned& result) noexcept {
    const std::size_t begin = at_;
    result = 0;
    while (peek() >= '0' && peek() <= '9' && at_ - begin < 4) {
      result = result * 10 + static_cast<unsigned>(text_[at_++] - '0');
    }
    return at_ != begin;
  }
  bool value(const FieldKind& kind, unsigned& result) noexcept {
    if (number(result)) return result >= kind.low && result <= kind.high;
    if (kind.names.empty() || at_ + 3 > text_.size()) return false;
    const std::array<char, 3> name{lower(text_[at_]), lower(text_[at_ + 1]), lower(text_[at_ + 2])};
    for (std::size_t i = 0; i < kind.names.size(); i += 3) {
      if (kind.names.substr(i, 3) != std::string_view{name.data(), 3}) continue;
      at_ += 3;
      result = kind.low + static_cast<unsigned>(i / 3);
      return true;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::expected<CronExpression, CronError> CronExpression::parse(std::string_view text) {
  if (!text.starts_with('@')) return CronParser{text}.parse();
  for (const Macro& macro : macros) {
    if (macro.name == text) return CronParser{macro.meaning}.parse();
  }
  return std::unexpected{CronError{0, "@hourly, @daily, @weekly, @monthly or @yearly"}};
}

bool CronExpression::matches_day(std::int64_t local) const noexcept {
  const CivilTime time = civil_of(local);
  if (!has(months_, time.month)) return false;
  const bool is_day = has(days_, time.day);
  const bool is_weekday = has(weekdays_, time.weekday);
  return any_day_ || any_weekday_ ? is_day && is_weekday : is_day || is_weekday;
}

bool CronExpression::matches(std::int64_t local) const noexcept {
  const CivilTime time = civil_of(local);
  return matches_day(local) && has(hours_, time.hour) && has(minutes_, time.minute);
}

// In local minutes, from one to before the other: less than a day.
bool CronExpression::is_due_between(std::int64_t begin, std::int64_t end) const noexcept {
  for (std::int64_t local = begin; local < end; local += 60) {
    if (matches(local)) return true;
  }
  return false;
}

// Walks along UTC, by days, hours or minutes as far as nothing can match, and looks at the local
// time there: so it never has to find the UTC of a local time, which may be none or two. An offset
// that changed within the last step is met twice: before, as a day whose hours are counted one by
// one, and at the change itself.
std::optional<std::chrono::seconds> CronExpression::next_after(std::chrono::seconds utc,
                                                               const TimeZone& zone) const {
  const auto offset_at = [&zone](std::int64_t at) {
    return std::int64_t{zone.offset_at(std::chrono::seconds{at}).count()};
  };
  constexpr std::int64_t minute = 60;
  constexpr std::int64_t hour = 3'600;
  constexpr std::uint64_t every_hour = (std::uint64_t{1} << 24) - 1;
  const bool is_hourly = (hours_ & every_hour) == every_hour;
  const std::int64_t start = utc.count();
  const std::int64_t limit = start + 30 * 366 * seconds_per_day;
  std::int64_t at = start - start % minute + minute;
  while (at < limit) {
    const std::int64_t offset = offset_at(at);
    const std::int64_t before = offset_at(at - minute);
    const std::int64_t local = at + offset;
    // Just put forward: what lay in between is due now.
    if (offset > before && !is_hourly && is_due_between(at + before, local)) {
      return std::chrono::seconds{at};
    }
    // Within the local day, and no further than to a change of the offset.
    std::int64_t step = minute;
    if (!matches_day(local)) {
      step = seconds_per_day - local % seconds_per_day;
    } else if (!has(hours_, civil_of(local).hour)) {
      step = hour - local % hour;
    } else if (matches(local)) {
      // The second time of an hour that comes twice?
      const std::int64_t earlier = offset_at(at - 3 * hour);
      const bool is_second = earlier > offset && offset_at(local - earlier) == earlier;
      if (!is_second || is_hourly) return std::chrono::seconds{at};
    }
    // Offsets may have seconds, but we look at whole minutes of UTC.
    step = (step + minute - 1) / minute * minute;
    if (step > minute && offset_at(at + step) != offset) {
      // The first minute with the other offset, by halving.
      std::int64_t low = at;
      std::int64_t high = at + step;
      while (high - low > minute) {
        const std::int64_t middle = low + (high - low) / (2 * minute) * minute;
        (offset_at(middle) == offset ? low : high) = middle;
      }
      step = high - at;
    }
    at += step;
  }
  return std::nullopt;
}

}  // namespace troupe
