// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Texts that say when: cron expressions, rules and files of time zones. The first byte says which.
// What was read must answer for any moment: an offset of about a day at most, a next time that is
// later and, asked from just before, the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <troupe/cron.hpp>

#include "base/assert.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe;
  using std::chrono::seconds;
  if (size < 1) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  const seconds now{1'700'000'000 + std::int64_t{data[0] / 4} * 2'000'003};
  if (data[0] % 4 == 0) {
    const auto expression = CronExpression::parse(text);
    if (!expression) {
      TROUPE_ASSERT(expression.error().offset <= text.size() || text.size() > 256,
                    "the place of an error is in the text");
      return 0;
    }
    static const TimeZone zones[] = {TimeZone{}, *TimeZone::from_rule("CET-1CEST,M3.5.0,M10.5.0/3"),
                                     *TimeZone::from_rule("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0")};
    for (const TimeZone& zone : zones) {
      const auto next = expression->next_after(now, zone);
      if (!next) continue;
      TROUPE_ASSERT(*next > now && next->count() % 60 == 0, "the next minute is a later one");
      TROUPE_ASSERT(expression->next_after(*next - seconds{1}, zone) == next,
                    "nothing lies between a moment and the next one");
    }
    return 0;
  }
  const auto zone = data[0] % 4 == 1 ? TimeZone::from_tzif(text) : TimeZone::from_rule(text);
  if (!zone) return 0;
  for (std::int64_t month = 0; month < 24; ++month) {
    const seconds offset = zone->offset_at(now + seconds{month * 2'629'746});
    TROUPE_ASSERT(offset >= seconds{-100'000} && offset <= seconds{100'000},
                  "an offset is of about a day at most");
  }
  return 0;
}
