// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/executor.hpp"

namespace troupe::detail {

// The timers of one worker: a wheel, and slots with generations so that a stale TimerRef is
// recognised. Any thread may start, cancel and read; a lock makes that safe, which costs a few
// nanoseconds as long as the worker is alone with it.
//
// One tick is a millisecond, and a deadline is rounded up to it: timers are never early.
class Timers {
 public:
  static constexpr std::int64_t tick_ns = 1'000'000;

  explicit Timers(std::uint32_t wheel) noexcept : wheel_{wheel} {}
  ~Timers();

  TimerRef start(std::uint32_t node, std::int64_t deadline_ns, TimerTask task);
  // The time that was left, or nothing if it is not running any more.
  std::optional<Duration> cancel(TimerRef timer, std::int64_t now_ns) noexcept;
  std::optional<Duration> read(TimerRef timer, std::int64_t now_ns) noexcept;

  // Fires what is due, in the order of deadlines; equal ones in the order in which they were set.
  void expire(std::int64_t now_ns);
  // Fires the first one that is due, if any: the simulator takes them one by one.
  bool expire_one(std::int64_t now_ns);
  // When the next one is due, -1 if there is none.
  std::int64_t next_deadline_ns() noexcept;

 private:
  struct Slot {
    TimerTask task;
    std::int64_t deadline_ns = 0;
    std::uint32_t generation = 1;
    bool armed = false;
    std::pair<std::int64_t, std::uint64_t> key;
  };
  Slot* find(TimerRef timer) noexcept;

  std::uint32_t wheel_;
  std::mutex lock_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::map<std::pair<std::int64_t, std::uint64_t>, std::uint32_t> order_;
  std::uint64_t next_sequence_ = 0;
};

// What a timer does when it fires.
void fire(TimerTask& task) noexcept;

}  // namespace troupe::detail
