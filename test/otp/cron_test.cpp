// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Intervals; the expressions of cron and the zones they are in, as tables; and the process.
#include <algorithm>
#include <cstdlib>
#include <ctime>

#include <troupe/cron.hpp>
#include <troupe/interval.hpp>
#include <troupe/sys.hpp>

#include "base/prng.hpp"
#include "otp/civil.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;
using test::on_every_executor;

struct Tick {
  int number;
};

// `2024-03-31 02:30` as seconds since 1970, of whichever zone.
seconds at(const std::string& text) {
  const auto number = [&text](std::size_t from, std::size_t count) {
    return static_cast<unsigned>(std::stoul(text.substr(from, count)));
  };
  return seconds{days_of(number(0, 4), number(5, 2), number(8, 2)) * seconds_per_day +
                 number(11, 2) * 3'600 + number(14, 2) * 60};
}
std::string text(std::optional<seconds> when) {
  if (!when) return "never";
  const CivilTime t = civil_of(when->count());
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02u %02u:%02u", static_cast<int>(t.year),
                t.month, t.day, t.hour, t.minute);
  return buffer;
}
CronExpression cron(const char* expression) { return *CronExpression::parse(expression); }
const TimeZone& berlin() {
  static const TimeZone zone = *TimeZone::from_rule("CET-1CEST,M3.5.0,M10.5.0/3");
  return zone;
}

TEST(IntervalTest, an_interval_from_outside_of_a_process_is_refused) {
  EXPECT_THROW(send_interval(Pid{}, 2ms, Tick{1}), ErrorException);
}

TEST(IntervalTest, a_tick_comes_every_period_until_it_is_cancelled) {
  on_every_executor([](Process& self) -> Async<> {
    const Duration begin = self.monotonic_time();
    const IntervalRef interval = send_interval(self.pid(), 2ms, Tick{1});
    for (int i = 0; i < 5; ++i) EXPECT_EQ((co_await self.receive<Tick>()).number, 1);
    EXPECT_GE(self.monotonic_time() - begin, 10ms);
    cancel_interval(interval);
    while (co_await is_alive(self, interval.pid)) co_await self.yield();
    while (co_await self.receive<Tick>(Duration::zero())) {
    }
    EXPECT_FALSE(co_await self.receive<Tick>(5ms));
    EXPECT_THROW(send_interval(self.pid(), 999us, Tick{}), ErrorException);
    cancel_interval(interval);
  });
}

TEST(IntervalTest, it_ends_with_its_receiver) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid receiver = spawn([](Process& p) -> Async<> { co_await p.receive<Tick>(); });
    const IntervalRef interval = send_interval(receiver, 1ms, Tick{1});
    self.monitor(interval.pid);
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_orderly());
    EXPECT_FALSE(co_await is_alive(self, receiver));
  });
}

TEST(IntervalTest, delays_do_not_add_up) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const Duration begin = self.monotonic_time();
        send_interval(self.pid(), 10ms, Tick{});
        for (int i = 0; i < 1'000; ++i) co_await self.receive<Tick>();
        EXPECT_NEAR((self.monotonic_time() - begin) / 1ms, 10'000, 30);
      },
      100);
}

TEST(IntervalTest, missed_ticks_are_left_out) {
  EXPECT_EQ(detail::next_tick(10s, 1s, 10s), 11s);
  EXPECT_EQ(detail::next_tick(10s, 1s, 11s), 12s);
  EXPECT_EQ(detail::next_tick(10s, 1s, 13500ms), 14s);
  EXPECT_EQ(detail::next_tick(10s, infinity, 10s), infinity);
}

TEST(CronTest, the_next_time_is_the_first_minute_that_fits) {
  const struct {
    const char* expression;
    const char* from;
    const char* next;
  } cases[] = {
      {"* * * * *", "2024-02-28 23:59", "2024-02-29 00:00"},
      {"*/15 * * * *", "2024-01-01 00:15", "2024-01-01 00:30"},
      {"5/20 * * * *", "2024-01-01 00:26", "2024-01-01 00:45"},
      {"0 9-17/4 * * *", "2024-01-01 13:00", "2024-01-01 17:00"},
      {"30 9 * * mon-FRI", "2024-01-05 09:30", "2024-01-08 09:30"},
      {"0 0 29 2 *", "2024-02-29 00:00", "2028-02-29 00:00"},
      {"0 0 29 2 *", "2096-02-29 00:00", "2104-02-29 00:00"},
      {"0 0 31 * *", "2024-01-31 00:00", "2024-03-31 00:00"},
      {"0 0 30 2 *", "2024-01-01 00:00", "never"},
      {"0 12 13 * fri", "2024-09-01 00:00", "2024-09-06 12:00"},  // either will do
      {"0 12 13 * *", "2024-09-01 00:00", "2024-09-13 12:00"},
      {"0 12 */2 * fri", "2024-09-01 00:00", "2024-09-13 12:00"},  // begins with *: both
      {"0 0 * * 7", "2024-01-01 00:00", "2024-01-07 00:00"},
      {"1,2 3 4 dec *", "2024-01-01 00:00", "2024-12-04 03:01"},
      {"@hourly", "2024-01-01 00:00", "2024-01-01 01:00"},
      {"@weekly", "2024-01-01 00:00", "2024-01-07 00:00"},
      {"@yearly", "2024-01-01 00:00", "2025-01-01 00:00"},
  };
  for (const auto& [expression, from, next] : cases) {
    EXPECT_EQ(text(cron(expression).next_after(at(from))), next) << expression;
  }
  EXPECT_EQ(text(cron("* * * * *").next_after(at("2024-01-01 00:00") + 59s)), "2024-01-01 00:01");
}

TEST(CronTest, what_is_no_expression_is_refused_with_the_place_and_what_was_wanted) {
  const struct {
    const char* expression;
    std::size_t offset;
    const char* expected;
  } cases[] = {{"", 0, "minute"},
               {"60 * * * *", 2, "minute"},
               {"* 24 * * *", 4, "hour"},
               {"* * 0 * *", 5, "day"},
               {"* * * 13 *", 8, "month"},
               {"* * * * 8", 9, "weekday"},
               {"* * * *", 7, "weekday"},
               {"* * * * * *", 10, "end"},
               {"*/0 * * * *", 3, "minute"},
               {"5-1 * * * *", 3, "minute"},
               {"1,,2 * * * *", 2, "minute"},
               {"* * * foo *", 6, "month"},
               {"@never", 0, "@daily"},
               {"99999 * * * *", 4, "minute"}};
  for (const auto& [expression, offset, expected] : cases) {
    const auto parsed = CronExpression::parse(expression);
    EXPECT_FALSE(parsed.has_value()) << expression;
    if (parsed) continue;
    EXPECT_EQ(parsed.error().offset, offset) << expression;
    EXPECT_NE(parsed.error().expected.find(expected), std::string::npos) << expression;
  }
  EXPECT_FALSE(CronExpression::parse(std::string(257, '*')).has_value());
}

TEST(CronTest, in_a_time_zone_the_gap_is_not_lost_and_the_repeated_hour_not_doubled) {
  const struct {
    const char* expression;
    const char* from;  // UTC
    const char* next;
  } cases[] = {
      {"0 9 * * *", "2024-01-01 00:00", "2024-01-01 08:00"},
      {"0 9 * * *", "2024-07-01 00:00", "2024-07-01 07:00"},
      // Clocks go from 02:00 to 03:00 at 01:00 UTC.
      {"30 2 * * *", "2024-03-30 12:00", "2024-03-31 01:00"},
      {"30 2 * * *", "2024-03-31 01:00", "2024-04-01 00:30"},
      {"30 3 * * *", "2024-03-30 12:00", "2024-03-31 01:30"},
      {"30 * * * *", "2024-03-31 00:30", "2024-03-31 01:30"},
      // And from 03:00 back to 02:00 at 01:00 UTC.
      {"30 2 * * *", "2024-10-26 12:00", "2024-10-27 00:30"},
      {"30 2 * * *", "2024-10-27 00:30", "2024-10-28 01:30"},
      {"30 * * * *", "2024-10-27 00:30", "2024-10-27 01:30"},
      {"0 3 * * *", "2024-10-26 12:00", "2024-10-27 02:00"},
      {"0 0 27 10 *", "2024-01-01 00:00", "2024-10-26 22:00"},
  };
  for (const auto& [expression, from, next] : cases) {
    EXPECT_EQ(text(cron(expression).next_after(at(from), berlin())), next)
        << expression << " after " << from;
  }
}

TEST(TimeZoneTest, offsets_follow_the_rule_on_both_halves_of_the_globe) {
  EXPECT_EQ(TimeZone{}.offset_at(at("2024-07-01 00:00")), 0s);
  EXPECT_EQ(TimeZone::fixed(5h + 30min).offset_at(0s), 5h + 30min);
  EXPECT_EQ(berlin().offset_at(at("2024-03-31 00:59")), 1h);
  EXPECT_EQ(berlin().offset_at(at("2024-03-31 01:00")), 2h);
  EXPECT_EQ(berlin().offset_at(at("2024-10-27 00:59")), 2h);
  EXPECT_EQ(berlin().offset_at(at("2024-10-27 01:00")), 1h);
  const auto sydney = *TimeZone::from_rule("AEST-10AEDT,M10.1.0,M4.1.0/3");
  EXPECT_EQ(sydney.offset_at(at("2024-01-15 00:00")), 11h);
  EXPECT_EQ(sydney.offset_at(at("2024-07-15 00:00")), 10h);
  const auto nuuk = *TimeZone::from_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0");
  EXPECT_EQ(nuuk.offset_at(at("2024-03-31 00:59")), -2h);
  EXPECT_EQ(nuuk.offset_at(at("2024-03-31 01:00")), -1h);
  const auto by_day = *TimeZone::from_rule("XXX3YYY,J60/0,J300");
  EXPECT_EQ(by_day.offset_at(at("2024-03-01 02:59")), -3h);
  EXPECT_EQ(by_day.offset_at(at("2024-03-01 03:00")), -2h);
}

TEST(TimeZoneTest, what_is_no_rule_no_file_and_no_name_is_refused) {
  for (const char* rule : {"", "CE-1", "CET", "CET-25", "CET-1CEST", "CET-1CEST,M3.5.0",
                           "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "<CET-1",
                           "CET-1CEST,M3.5.0,M10.5.0/3x", "CET-1CEST,J0,J1", "CET-1:60"}) {
    EXPECT_FALSE(TimeZone::from_rule(rule).has_value()) << rule;
  }
  for (const char* name : {"", "/etc/passwd", "../../etc/passwd", "Nowhere/City", "a b"}) {
    EXPECT_EQ(TimeZone::named(name).error(), TimeZoneError::unknown) << name;
  }
  EXPECT_FALSE(TimeZone::from_tzif("TZif2").has_value());
  const std::string file = "TZif2" + std::string(39, '\0') + "data\nCET-1CEST,M3.5.0,M10.5.0/3\n";
  EXPECT_EQ(TimeZone::from_tzif(file)->offset_at(at("2024-07-01 00:00")), 2h);
}

TEST(CronTest, jobs_are_sent_when_they_are_due_to_pids_and_to_names) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto schedule = co_await Cron::start_link(self);
        self.register_name("me");
        co_await Cron::schedule(self, schedule, cron("*/10 * * * *"), self.pid(), Tick{1});
        const CronJob daily =
            co_await Cron::schedule(self, schedule, cron("@daily"), "me", Tick{2});
        int every_ten = 0;
        for (;;) {
          const Tick tick = co_await self.receive<Tick>();
          const auto now = std::chrono::floor<seconds>(self.system_time());
          if (tick.number == 2) {
            EXPECT_EQ(now % 24h, 0s);
            break;
          }
          EXPECT_EQ(now % 10min, 0s);
          ++every_ten;
        }
        EXPECT_NEAR(every_ten, 144, 1);
        EXPECT_TRUE(co_await Cron::cancel(self, schedule, daily));
        EXPECT_FALSE(co_await Cron::cancel(self, schedule, daily));
        EXPECT_EQ((co_await Cron::jobs(self, schedule)).size(), 1u);
        co_await stop(self, schedule);
      },
      3);
}

TEST(CronTest, the_job_of_a_dead_process_goes_and_that_of_an_absent_name_stays) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto schedule = co_await Cron::start_link(self);
    const auto [dead, ref] = spawn_monitor([](Process&) {});
    co_await self.receive<Down>();
    co_await Cron::schedule(self, schedule, cron("* * * * *"), dead, Tick{1});
    co_await Cron::schedule(self, schedule, cron("* * * * *"), "nobody", Tick{1});
    co_await Cron::schedule(self, schedule, cron("0 0 30 2 *"), self.pid(), Tick{1});
    co_await self.sleep(2min);
    const auto state = co_await sys::get_state(self, schedule.pid());
    EXPECT_EQ(*state.find(Atom{"jobs"}), Term{2});
    EXPECT_EQ((co_await Cron::jobs(self, schedule)).size(), 1u);
    co_await stop(self, schedule);
    EXPECT_THROW((void)co_await Cron::jobs(self, schedule), CallException);
  });
}

TEST(CronTest, a_hundred_thousand_jobs_are_due_at_once) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto schedule = co_await Cron::start_link(self);
        for (int i = 0; i < 100'000; ++i) {
          co_await Cron::schedule(self, schedule, cron("0 0 * * *"), self.pid(), Tick{i});
        }
        for (int i = 0; i < 100'000; ++i) {
          EXPECT_EQ((co_await self.receive<Tick>()).number, i);
        }
        co_await stop(self, schedule);
      },
      1);
}

TEST(IntervalTest, a_full_mailbox_misses_ticks_and_the_interval_goes_on) {
  on_every_executor([](Process& self) -> Async<> {
    self.set_mailbox_limit(1, Overflow::reject_sender);
    const IntervalRef interval = send_interval(self.pid(), 1ms, Tick{1});
    co_await self.sleep(10ms);
    EXPECT_TRUE(co_await is_alive(self, interval.pid));
    for (int i = 0; i < 3; ++i) EXPECT_EQ((co_await self.receive<Tick>()).number, 1);
    cancel_interval(interval);
  });
}

TEST(IntervalTest, a_hundred_thousand_intervals_tick) {
  test::on_two_workers([](Process& self) -> Async<> {
    std::vector<IntervalRef> all;
    for (int i = 0; i < 100'000; ++i) all.push_back(send_interval(self.pid(), 1s, Tick{i}));
    std::vector<int> ticks(all.size());
    for (std::size_t twice = 0; twice < all.size();) {
      int& count = ticks[static_cast<std::size_t>((co_await self.receive<Tick>()).number)];
      twice += ++count == 2;
    }
    for (const IntervalRef interval : all) cancel_interval(interval);
  });
}

TEST(CronTest, a_full_mailbox_misses_jobs_and_the_schedule_goes_on) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto schedule = co_await Cron::start_link(self);
    self.set_mailbox_limit(1, Overflow::reject_sender);
    for (int i = 0; i < 3; ++i) {
      co_await Cron::schedule(self, schedule, cron("* * * * *"), self.pid(), Tick{i});
    }
    co_await self.sleep(5min);
    EXPECT_EQ((co_await self.receive<Tick>()).number, 0);
    EXPECT_EQ((co_await Cron::jobs(self, schedule)).size(), 3u);
    co_await self.receive<Tick>();
    co_await stop(self, schedule);
  });
}

// Jobs come and go while the clock runs, and each is sent exactly when it is due.
TEST(CronTest, jobs_are_sent_once_for_each_minute_under_any_of_a_hundred_schedules) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto schedule = co_await Cron::start_link(self);
        std::vector<CronJob> jobs;
        for (int i = 0; i < 5; ++i) {
          jobs.push_back(
              co_await Cron::schedule(self, schedule, cron("* * * * *"), self.pid(), Tick{i}));
          co_await self.sleep(std::chrono::milliseconds{self.random() % 1'000});
        }
        const auto minute = [](Process& p) {
          return std::chrono::floor<std::chrono::minutes>(p.system_time());
        };
        EXPECT_TRUE(co_await Cron::cancel(self, schedule, jobs[self.random() % 5]));
        while (co_await self.receive<Tick>(0ms)) {
        }
        const auto begin = minute(self);
        int ticks = 0;
        while (minute(self) - begin < 10min) {
          const Tick tick = co_await self.receive<Tick>();
          EXPECT_LT(
              self.system_time() - std::chrono::floor<std::chrono::minutes>(self.system_time()), 1s)
              << tick.number;
          ++ticks;
        }
        EXPECT_GE(ticks, 4 * 9);
        EXPECT_LE(ticks, 4 * 10);
        co_await stop(self, schedule);
      },
      100);
}

// The C library knows the same rules, and is asked about moments from 1970 to 2100.
TEST(TimeZoneTest, a_hundred_thousand_moments_have_the_offset_that_the_system_gives_them) {
  const char* before = std::getenv("TZ");
  const std::string kept = before ? before : "";
  Prng random{1};
  for (const char* rule :
       {"CET-1CEST,M3.5.0,M10.5.0/3", "AEST-10AEDT,M10.1.0,M4.1.0/3", "EST5EDT,M3.2.0,M11.1.0",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "IST-5:30"}) {
    ::setenv("TZ", rule, 1);
    ::tzset();
    const TimeZone zone = *TimeZone::from_rule(rule);
    int wrong = 0;
    for (int i = 0; i < 20'000; ++i) {
      const auto when = static_cast<std::time_t>(random.below(4'102'444'800));
      std::tm local{};
      ::localtime_r(&when, &local);
      if (zone.offset_at(seconds{when}).count() == local.tm_gmtoff) continue;
      if (wrong++ == 0) ADD_FAILURE() << rule << " at " << when << ", not " << local.tm_gmtoff;
    }
    EXPECT_EQ(wrong, 0) << rule;
  }
  before ? ::setenv("TZ", kept.c_str(), 1) : ::unsetenv("TZ");
  ::tzset();
}

}  // namespace
}  // namespace troupe
