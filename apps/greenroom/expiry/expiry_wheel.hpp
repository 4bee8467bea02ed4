// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <troupe/pid.hpp>

namespace greenroom {

// Which session falls due when, exact to the millisecond, for sessions by the million: 20 bytes
// each, where a timer of the runtime takes 150. It does without cancelling: whoever is told
// looks whether it is really due, and enters itself again if it is not.
//
// Six levels of 64 slots, by the highest of the deadline's digits in which it differs from now: a
// slot of level 0 is 1.024 s wide, each level's 64 times as wide as the one below. As time enters a
// slot, what it holds is dealt out to the levels below; what is in the current slot of level 0 lies
// in a heap. So an entry is moved six times at most, and the only ones that are ordered are those
// of the next second.
//
// Time is the calendar's, in Unix milliseconds, and may jump. Back: what is in the heap waits for
// its moment. Forward: what was jumped over is due.
class ExpiryWheel {
 public:
  class Entry {
   public:
    Entry() = default;
    Entry(std::int64_t due_ms, troupe::Pid session)
        : low_{static_cast<std::uint32_t>(due_ms)},
          high_{static_cast<std::int32_t>(due_ms >> 32)},
          session_{session} {}
    std::int64_t due_ms() const { return std::int64_t{high_} << 32 | low_; }
    troupe::Pid session() const { return session_; }

   private:
    std::uint32_t low_ = 0;  // two halves, because a whole one would be padded to 24 bytes
    std::int32_t high_ = 0;
    troupe::Pid session_;
  };
  static_assert(sizeof(Entry) == 20);

  static constexpr std::int64_t never = INT64_MAX;

  ExpiryWheel() = default;
  ~ExpiryWheel();
  ExpiryWheel(const ExpiryWheel&) = delete;
  ExpiryWheel& operator=(const ExpiryWheel&) = delete;

  void add(Entry entry);
  // Appends what is due at `now_ms` to `due`, the earliest first, up to `limit`. True: there is
  // more.
  bool take_due(std::int64_t now_ms, std::size_t limit, std::vector<Entry>& due);
  // When take_due should be asked next, perhaps in vain; never: nothing is entered.
  std::int64_t next_ms() const;
  std::size_t size() const { return size_; }

 private:
  static constexpr unsigned first_bits = 10;
  static constexpr unsigned digit_bits = 6;
  static constexpr unsigned levels = 6;
  static constexpr std::int64_t last_ms =
      (std::int64_t{1} << (first_bits + levels * digit_bits)) - 1;

  struct Chunk {
    Chunk* next;
    std::uint32_t count;
    std::array<Entry, 204> entries;
  };
  static_assert(sizeof(Chunk) <= 4096);

  static unsigned shift_of(unsigned level) { return first_bits + level * digit_bits; }
  void place(Entry entry);
  void move_to(std::int64_t now_ms);
  void enter(unsigned level);
  std::int64_t next_slot_ms() const;

  std::int64_t now_ms_ = 0;     // the latest moment that was seen
  std::vector<Entry> current_;  // a heap, the earliest on top
  std::array<std::array<Chunk*, 64>, levels> slots_{};
  std::array<std::uint64_t, levels> occupied_{};
  std::size_t size_ = 0;
};

}  // namespace greenroom
