// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "base/timer_wheel.hpp"
#include "host/memory.hpp"
#include "runtime/executor.hpp"

namespace troupe::detail {

// The timers of one worker: a wheel, and slots with generations so that a stale TimerRef is
// recognised. Any thread may start, cancel and read; a lock makes that safe, which costs a few
// nanoseconds as long as the worker is alone with it.
//
// One tick is a millisecond, and a deadline is rounded up to it: timers are never early.
//
// A timer is one cache line. A million of them that fire within a second are in no cache any more
// when they do, and were 96 bytes with the task in it as it is given; and taking a batch under one
// lock has the misses of their messages overlap.
class Timers {
 public:
  static constexpr std::int64_t tick_ns = 1'000'000;

  // At most `max_messages` timers that carry a message (see RuntimeOptions::max_timers). Timeouts
  // of waits are not limited: there is at most one for each process.
  Timers(std::uint32_t wheel_number, std::uint32_t max_messages) noexcept
      : wheel_number_{wheel_number}, max_messages_{max_messages} {}
  ~Timers();

  // Throws ErrorException{system_limit} at the limit, and frees the message then and where there is
  // no memory.
  TimerRef start(std::uint32_t node, std::int64_t deadline_ns, TimerTask task);
  // The time that was left, or nothing if it is not running any more.
  std::optional<Duration> cancel(TimerRef timer, std::int64_t now_ns) noexcept;
  std::optional<Duration> read(TimerRef timer, std::int64_t now_ns) noexcept;

  // Fires what is due, in the order of deadlines; equal ones in the order in which they were set.
  void expire(std::int64_t now_ns);
  // Fires the first one that is due, if any: the simulator takes them one by one.
  bool expire_one(std::int64_t now_ns);
  // Spreads crowded slots of the wheel while there is nothing else to do, so that they do not hold
  // up whoever comes when they are due. A part of it at a time; true: there is more. Moves nothing
  // in time: an idle worker is not woken for it.
  bool deal_ahead() noexcept;
  // When the next one is due, -1 if there is none.
  std::int64_t next_deadline_ns() noexcept;

 private:
  enum class Use : std::uint8_t { free, timeout, message, stamped_message };
  struct alignas(64) Slot : TimerNode {  // `prev` links the free ones
    std::uint32_t index = 0;
    std::uint32_t generation = 1;
    union {
      Envelope* message = nullptr;
      std::uint64_t wait_id;  // of a timeout
    };
    Pid to;
    Atom name;
    std::uint32_t rounding_ns = 0;  // how long before its tick the deadline is
    Use use = Use::free;
  };
  static_assert(sizeof(Slot) == 64 && std::is_trivially_destructible_v<Slot>);
  static constexpr std::uint32_t chunk_size = 256;
  static constexpr std::size_t small_chunk_count = 64;
  static constexpr std::size_t chunks_per_page = large_page_bytes / chunk_size / sizeof(Slot);
  static constexpr std::size_t batch = 32;  // timers taken out under one lock

  Slot* find(TimerRef timer) noexcept;
  Slot& take_slot();
  void add_chunk();
  void give_back(Slot& slot) noexcept;
  static bool leads_nowhere(const Slot& slot) noexcept;
  static Envelope* message_of(const Slot& slot) noexcept;
  static Duration left_of(const Slot& slot, std::int64_t now_ns) noexcept;
  std::size_t take_due(std::int64_t now_ns, std::span<TimerTask> tasks);

  std::uint32_t wheel_number_;
  std::uint32_t max_messages_;
  std::uint32_t messages_ = 0;
  std::mutex lock_;
  TimerWheel wheel_;
  // Chunks, because the wheel links slots to each other: they must not move. The first ones are
  // malloc's, the others parts of large pages while these are cheap to have.
  std::vector<Slot*> chunks_;
  std::vector<void*> small_chunks_;
  std::vector<void*> large_pages_;
  Slot* fresh_ = nullptr;  // what is left of the last large page
  Slot* fresh_end_ = nullptr;
  Slot* free_ = nullptr;
  std::uint32_t used_ = 0;
  // A copy of the wheel's next deadline that is read without the lock: a worker that has nothing
  // due pays a load for looking. Written under the lock; the owner's own insertions are seen at
  // once, others wake it.
  std::atomic<std::uint64_t> next_tick_{TimerWheel::never};
};

// What a timer does when it fires.
void fire(TimerTask& task) noexcept;

}  // namespace troupe::detail
