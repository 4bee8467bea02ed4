// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe {

// What a timer wheel links together. Embedded in whatever the timer is, at an address that does not
// change while the timer is pending.
struct TimerLink {
  TimerLink* next = nullptr;
  TimerLink* prev = nullptr;
};
struct TimerNode : TimerLink {
  std::uint64_t deadline = 0;  // in ticks; belongs to the wheel while the timer is pending

  bool pending() const noexcept { return next != nullptr; }
};

// Pending timers of one thread, or of several under the owner's lock, ordered by deadline, and
// equal deadlines by insertion. A tick is whatever the owner counts in; the runtime's is a
// millisecond.
//
// Hierarchical timing wheels: G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels",
// SOSP 1987, scheme 7. Eleven levels of 64 slots cover 64 bits. With `now` the last tick that was
// processed and digits in base 64:
//
//   a timer stands at the level of the highest digit in which its deadline differs from now, in the
//   slot of its deadline's digit there; that digit is larger than now's, and so the first occupied
//   slot of the lowest occupied level holds the earliest timer. A bitmap for each level finds it.
//   A slot of level 0 holds one deadline. A list of any slot is in order of insertion.
//
// When now enters a slot of a higher level, its list is dealt out to the levels below. Time never
// walks over empty slots: a jump costs the same for any distance.
//
// Two things would be dear if that were all. Next_deadline() must be exact, or an idle program
// would wake to deal out lists, but the earliest of an unordered list takes a scan, and a program
// that keeps cancelling its earliest timer (a keep-alive for each of a million sessions) would scan
// a long list again each time. And a slot with a million timers would be dealt out in one tick. So
// a crowded slot can be opened ahead of time: a child wheel hangs in it, and its list is dealt out
// into the child from the front, at once when its earliest timer is asked for, else a part of it in
// each advance: the share of the list that is due for the time since the last advance, and a
// quarter more. When time gets there the child takes its place in the hierarchy. A timer is dealt
// down ten times in its life at most, whoever causes it, so that all operations take amortised
// constant time.
//
// Equal deadlines fire in order of insertion, because of two that are pending
//   - both stand in the same slot of the hierarchy at any time;
//   - within a slot, all that stand in the child are older than all that stand in the list: dealing
//     takes from the front of the list, and an insertion goes to the list until it is empty, and to
//     the child from then on;
//   - within a list the older stands in front: an insertion appends, and so does dealing, in the
//     order of the list it takes from.
//
// One core, a million timers of up to 300 s in memory in random order: insert 45 ns, cancel 30 ns,
// fire 400 ns (three levels down included); cancel the earliest, insert and ask 200 ns; start and
// cancel one timer 7 ns. The dearest of the 300,000 ticks took 0.13 ms, and 67 ms when lists were
// dealt out only as their slots were entered. A part of 256 timers in each advance, however many
// there were, left three quarters of 64,000 timers in 64 ms to the tick that entered their slot: 4
// ms at once. And one level after the other, as many as would be done in half of the time that was
// left if advances came every tick, left 38,000 of a million to one advance, where timers were set
// all the time and an advance came every second or third tick: 5 to 7 ms. Now it is 7,000, counted
// in a simulation of that program. A share of twice what is due made that 5,000, but 8,000
// elsewhere.
class TimerWheel {
 public:
  // Later than every deadline that can come; what next_deadline() says when no timer is pending. A
  // timer set to it is kept and fires when it is advanced to.
  static constexpr std::uint64_t never = UINT64_MAX;

  explicit TimerWheel(std::uint64_t now = 0);
  // Pending timers are forgotten, not touched; advance(never, ...) hands them out before.
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Starts a timer that is not pending. A deadline that is not after now() counts as now: it fires
  // in the next advance, before all others and in the order of insertion. That holds inside a
  // callback too, where now() is the tick being fired, so a timer that starts itself again without
  // delay cannot hold an advance for ever.
  void insert(TimerNode& node, std::uint64_t deadline) noexcept;

  // False if it was not pending. Inside a callback, a timer that is due but has not been handed out
  // yet can be cancelled like any other.
  bool cancel(TimerNode& node) noexcept;

  // Moves to tick `now` (a tick in the past changes nothing but fires what is due) and calls
  // fire(TimerNode&) for each timer whose deadline has come, in order; the node is no longer
  // pending and may be inserted again or destroyed. Callbacks may insert and cancel; what they
  // insert with a deadline after the tick being fired and up to `now` fires in its place in this
  // advance. After `limit` timers it stops; the rest is due in the next advance, and so it is if
  // fire throws. Returns how many were fired.
  template <class Fire>
  std::size_t advance(std::uint64_t now, Fire&& fire, std::size_t limit = SIZE_MAX) {
    begin_advance();
    std::size_t fired = 0;
    while (fired < limit) {
      TimerNode* node = take_due(now);
      if (!node) break;
      ++fired;
      fire(*node);
    }
    return fired;
  }

  // The earliest deadline, now() if a timer is due already, never() if none is pending. Exact.
  std::uint64_t next_deadline() noexcept;

  // The tick up to which everything has been fired, except what a limit or an insertion has left.
  std::uint64_t now() const noexcept { return now_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  // Opens the crowded slots that come next, by dealing out up to `budget` timers; true if there is
  // more to do. An advance does a little of this; an owner that is idle before a long sleep may do
  // it all, so that it does not when it wakes.
  bool deal_ahead(std::size_t budget) noexcept;
  // Wheels in use, 1.8 KiB each; 11 when no slot is opened.
  std::size_t wheels() const noexcept { return wheels_; }

 private:
  static constexpr unsigned digit_bits = 6;
  static constexpr unsigned levels = 11;
  static constexpr unsigned scan_limit = 32;        // a slot with more is crowded
  static constexpr std::size_t ahead_budget = 256;  // timers dealt ahead in an advance, at least
  // After a pause, dealing makes up for at most so many ticks of it at once.
  static constexpr std::uint64_t most_passed = 4;
  static constexpr std::size_t spares_kept = 16;

  // A slot may have a list, a child, or both while its list is being dealt out.
  struct Wheel {
    std::uint64_t listed = 0;  // slots whose list is not empty; other lists are uninitialised
    std::uint64_t opened = 0;  // slots with a child, which is not empty
    Wheel* parent = nullptr;   // of a child; null in the hierarchy; links the spares
    unsigned slot = 0;         // in the parent
    TimerLink lists[64];
    // How long each list is; while the slot has a child too, more than that where timers of the
    // list were cancelled.
    std::uint32_t counts[64];
    Wheel* children[64];

    std::uint64_t occupied() const noexcept { return listed | opened; }
  };
  struct Place {
    Wheel* wheel;
    unsigned level;
    unsigned slot;
  };
  // A list with its own head.
  struct Queue {
    TimerLink head{&head, &head};
    bool empty() const noexcept { return head.next == &head; }
  };

  static unsigned level_of(std::uint64_t difference) noexcept;
  static unsigned digit(std::uint64_t tick, unsigned level) noexcept;
  static unsigned first(std::uint64_t slots) noexcept;
  static void append(TimerLink& head, TimerLink& link) noexcept;
  static void splice(Queue& to, TimerLink& from) noexcept;
  static TimerNode* take_front(TimerLink& head) noexcept;
  static void put(Wheel& wheel, unsigned slot, TimerNode& node) noexcept;
  static bool is_crowded(const TimerLink& head) noexcept;

  void begin_advance() noexcept { splice(firing_, late_.head); }
  TimerNode* take_due(std::uint64_t now) noexcept;
  std::uint64_t begin_of_first_slot(unsigned level) const noexcept;
  bool step(std::uint64_t now) noexcept;
  void move_to(std::uint64_t tick) noexcept;
  void enter(unsigned level) noexcept;
  void insert_later(TimerNode& node) noexcept;
  void leave(const TimerNode& node, const TimerLink* head) noexcept;
  bool deal(Place place, std::size_t& budget) noexcept;
  bool deal_first_slots(std::size_t budget, std::uint64_t ticks_passed) noexcept;
  std::uint64_t earliest_in(Wheel& wheel, unsigned level) noexcept;
  Wheel* acquire() noexcept;
  void release(Wheel* wheel) noexcept;

  std::uint64_t now_;
  std::uint64_t next_ = never;  // the earliest deadline in the wheels, if next_is_known_
  bool next_is_known_ = true;
  bool deals_ahead_ = false;
  std::uint64_t looked_ahead_;  // when the last advance did
  std::size_t size_ = 0;
  std::size_t wheels_ = 0;
  std::size_t spare_count_ = 0;
  Wheel* spares_ = nullptr;
  Queue firing_;  // due and taken out of the wheels; deadlines up to now
  Queue late_;    // inserted when already due; joins firing_ in the next advance
  Wheel* path_[levels];
};

}  // namespace troupe
