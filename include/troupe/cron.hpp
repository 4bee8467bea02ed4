// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <troupe/gen_server.hpp>
#include <troupe/time_zone.hpp>
#include <troupe/timer.hpp>

namespace troupe {

struct CronError {
  std::size_t offset;    // in bytes from the start of the text
  std::string expected;  // what would have been right there
};

// When something is to happen: five fields, minute, hour, day of the month, month, day of the week.
//
//     auto every_workday_at_half_past_nine = CronExpression::parse("30 9 * * mon-fri");
//
//   field      values                   written
//   minute     0 to 59                  *   5   1,15   9-17   */5   10-40/10
//   hour       0 to 23
//   day        1 to 31
//   month      1 to 12, jan to dec
//   weekday    0 to 7, sun to sat       0 and 7 are Sunday
//
// Or @hourly, @daily (@midnight), @weekly, @monthly, @yearly (@annually). As in cron, where both
// the day of the month and the weekday are restricted (do not begin with *), either will do.
class CronExpression {
 public:
  static constexpr std::size_t max_length = 256;
  static std::expected<CronExpression, CronError> parse(std::string_view text);

  // The first moment after this one (both since 1970, UTC) at which it is time; nothing if there is
  // none within 30 years, as for 30 February.
  //
  // Where clocks are put forward, what was due in the hour that is left out comes at the moment of
  // the change; where they are put back, it comes once, at its first time. What comes in every hour
  // goes by the hours that there are.
  std::optional<std::chrono::seconds> next_after(std::chrono::seconds utc,
                                                 const TimeZone& zone = {}) const;

 private:
  friend class CronParser;

  bool matches_day(std::int64_t local) const noexcept;
  bool matches(std::int64_t local) const noexcept;
  bool is_due_between(std::int64_t begin, std::int64_t end) const noexcept;

  std::uint64_t minutes_ = 0;  // a bit for each value
  std::uint64_t hours_ = 0;
  std::uint64_t days_ = 0;
  std::uint64_t months_ = 0;
  std::uint64_t weekdays_ = 0;
  bool any_day_ = false;  // the field begins with *
  bool any_weekday_ = false;
};

// Names a job of a Cron.
struct CronJob {
  std::uint64_t id;
};

// Sends messages at times of the calendar: a process with a list of jobs.
//
//     const auto cron = co_await Cron::start_link(self);
//     co_await Cron::schedule(self, cron, *CronExpression::parse("0 3 * * *"), "backup", Run{},
//                             *TimeZone::named("Europe/Berlin"));
//
// The message goes to a pid, or to whoever has a name then; nobody, and it goes nowhere. Time is
// the system's: when that is set forward over a moment, its job is sent once, late; when it is set
// back, nothing is sent twice. Noticed within a minute. Jobs end with the Cron; those of a dead pid
// go when they are next due.
class Cron : public GenServer<Cron> {
 public:
  using Ref = ServerRef<Cron>;

  // A copy of `message`, each time. All throw CallException where there is no cron.
  template <Message M>
    requires std::copy_constructible<M>
  static auto schedule(Process& self, Ref cron, CronExpression when, Pid to, M message,
                       TimeZone zone = {}) {
    return call(self, cron, Schedule{when, zone, to, atoms::undefined, keep(std::move(message))});
  }
  template <Message M>
    requires std::copy_constructible<M>
  static auto schedule(Process& self, Ref cron, CronExpression when, Name to, M message,
                       TimeZone zone = {}) {
    return call(self, cron, Schedule{when, zone, Pid{}, to.atom, keep(std::move(message))});
  }
  // False: there was no such job.
  static auto cancel(Process& self, Ref cron, CronJob job) {
    return call(self, cron, Cancel{job.id});
  }
  // Those that will be due, in order, with their times since 1970, UTC.
  static auto jobs(Process& self, Ref cron) { return call(self, cron, Jobs{}); }

  // --- The server.

  struct Kept {
    std::shared_ptr<const void> message;
    detail::Envelope* (*copy)(const void* message);
  };
  struct Schedule {
    CronExpression when;
    TimeZone zone;
    Pid to;
    Atom name;  // where `to` is null
    Kept kept;
    using Reply = CronJob;
  };
  struct Cancel {
    std::uint64_t id;
    using Reply = bool;
  };
  struct DueJob {
    CronJob job;
    std::chrono::seconds next;
  };
  struct Jobs {
    using Reply = std::vector<DueJob>;
  };
  struct Wake {
    std::uint64_t number;
  };
  using Info = troupe::Messages<Wake>;

  CronJob handle_call(Process& self, Schedule m);
  bool handle_call(Process& self, Cancel m);
  std::vector<DueJob> handle_call(Jobs);
  Async<> handle_info(Process& self, Wake m);
  Term introspect() const;

 private:
  struct Job {
    Schedule spec;
    std::optional<std::chrono::seconds> next;
  };
  // When, and which: jobs of the same moment go in the order in which they came.
  using Due = std::pair<std::chrono::seconds, std::uint64_t>;

  template <class M>
  static Kept keep(M message) {
    return {std::make_shared<const M>(std::move(message)), [](const void* kept) {
              return detail::make_envelope<M>(*static_cast<const M*>(kept));
            }};
  }
  void plan(std::uint64_t id, Job& job, std::chrono::seconds now);
  void sleep_until_next(Process& self);

  std::unordered_map<std::uint64_t, Job> jobs_;
  std::set<Due> due_;  // those that have a next time
  std::uint64_t last_id_ = 0;
  TimerRef timer_;
  std::uint64_t last_wake_ = 0;  // an older Wake is void
};

template <>
inline constexpr bool enable_message<TimeZone> = true;
template <>
inline constexpr bool enable_message<CronExpression> = true;
template <>
inline constexpr bool enable_message<Cron::Kept> = true;

}  // namespace troupe
