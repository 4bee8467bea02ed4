// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/timer_wheel.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <vector>

#include "base/prng.hpp"

namespace troupe {
namespace {

struct Timer : TimerNode {
  std::size_t id = 0;
};

// What a wheel promises, in the plainest words: a sorted multimap, which keeps equal keys in order
// of insertion, and the queue of those that were due when they were inserted.
class Model {
 public:
  explicit Model(std::uint64_t start) : now_{start}, at_(0) {}

  void insert(std::size_t id, std::uint64_t deadline) {
    if (deadline <= now_) {
      late_.push_back(id);
    } else {
      resize(id);
      at_[id] = sorted_.emplace(deadline, id);
    }
  }
  void cancel(std::size_t id) {
    if (id < at_.size() && at_[id]) {
      sorted_.erase(*at_[id]);
      at_[id].reset();
    }
    std::erase(late_, id);
    std::erase(due_, id);
  }
  void begin_advance() {
    due_.insert(due_.end(), late_.begin(), late_.end());
    late_.clear();
  }
  std::optional<std::size_t> take(std::uint64_t now) {
    if (due_.empty() && !sorted_.empty() && sorted_.begin()->first <= now) {
      now_ = sorted_.begin()->first;
      while (!sorted_.empty() && sorted_.begin()->first == now_) {
        due_.push_back(sorted_.begin()->second);
        at_[due_.back()].reset();
        sorted_.erase(sorted_.begin());
      }
    }
    if (due_.empty()) {
      now_ = std::max(now_, now);
      return std::nullopt;
    }
    const std::size_t id = due_.front();
    due_.pop_front();
    return id;
  }
  std::uint64_t next_deadline() const {
    if (!late_.empty() || !due_.empty()) return now_;
    return sorted_.empty() ? TimerWheel::never : sorted_.begin()->first;
  }
  std::optional<std::size_t> earliest() const {
    if (sorted_.empty()) return std::nullopt;
    return sorted_.begin()->second;
  }
  std::uint64_t now() const { return now_; }
  std::size_t size() const { return sorted_.size() + late_.size() + due_.size(); }

 private:
  using Sorted = std::multimap<std::uint64_t, std::size_t>;
  void resize(std::size_t id) {
    if (at_.size() <= id) at_.resize(id + 1);
  }

  std::uint64_t now_;
  Sorted sorted_;
  std::deque<std::size_t> late_;
  std::deque<std::size_t> due_;
  std::vector<std::optional<Sorted::iterator>> at_;
};

struct Shape {
  std::uint64_t seed;
  std::uint64_t start;
  unsigned bits;            // delays are below 2^bits
  double equal;             // how often a deadline is taken from the timer before
  double asks;              // how often next_deadline is asked between operations
  double cancels_earliest;  // how often it is the earliest that is cancelled
  std::size_t timers;
  double deals = 0.05;  // how often timers are dealt ahead
};

// Runs the wheel and the model side by side through random insertions, cancellations and advances,
// some of them from within callbacks.
class SideBySide {
 public:
  explicit SideBySide(const Shape& shape)
      : shape_{shape},
        prng_{shape.seed},
        wheel_{shape.start},
        model_{shape.start},
        timers_(shape.timers) {
    for (std::size_t id = 0; id < timers_.size(); ++id) timers_[id].id = id;
  }

  void run(int operations) {
    for (int i = 0; i < operations; ++i) {
      const std::uint64_t what = prng_.below(100);
      const bool filling = (i / 20'000) % 2 == 0;
      if (what < (filling ? 60u : 30u)) {
        insert_one();
      } else if (what < 85) {
        cancel_one();
      } else {
        advance();
      }
      if (prng_.chance(shape_.asks)) ask();
      if (prng_.chance(shape_.deals)) wheel_.deal_ahead(prng_.below(60));
      ASSERT_EQ(wheel_.size(), model_.size());
      if (testing::Test::HasFatalFailure()) return;
    }
    // To the end of time, so that every timer is accounted for.
    advance_to(TimerWheel::never, SIZE_MAX);
    advance_to(TimerWheel::never, SIZE_MAX);
    EXPECT_EQ(wheel_.size(), model_.size());
  }
  std::size_t fired() const { return fired_; }

 private:
  std::uint64_t some_delay() {
    const std::uint64_t delay = prng_.next() >> (64 - prng_.between(1, shape_.bits));
    // Around the edges of slots, where digits change.
    return prng_.chance(0.2) ? (delay & ~std::uint64_t{63}) + prng_.below(2) : delay;
  }
  void insert_one() {
    Timer& timer = timers_[prng_.below(timers_.size())];
    if (timer.pending()) return;
    std::uint64_t deadline = last_deadline_;
    if (!prng_.chance(shape_.equal)) {
      const std::uint64_t delay = some_delay();
      deadline =
          TimerWheel::never - model_.now() < delay ? TimerWheel::never : model_.now() + delay;
      if (prng_.chance(0.05)) deadline = prng_.between(0, model_.now());
    }
    last_deadline_ = deadline;
    wheel_.insert(timer, deadline);
    model_.insert(timer.id, deadline);
  }
  void cancel_one() {
    std::size_t id = prng_.below(timers_.size());
    if (prng_.chance(shape_.cancels_earliest)) id = model_.earliest().value_or(id);
    const bool pending = timers_[id].pending();
    ASSERT_EQ(wheel_.cancel(timers_[id]), pending);
    ASSERT_FALSE(timers_[id].pending());
    model_.cancel(id);
  }
  void ask() { ASSERT_EQ(wheel_.next_deadline(), model_.next_deadline()); }

  void advance() {
    std::uint64_t to = model_.now() + some_delay() / 16;
    const std::uint64_t next = model_.next_deadline();
    if (prng_.chance(0.3) && next != TimerWheel::never) to = next - prng_.below(2);
    if (to < model_.now() && prng_.chance(0.9)) to = model_.now();
    advance_to(to, prng_.chance(0.2) ? prng_.below(4) : SIZE_MAX);
  }
  void advance_to(std::uint64_t to, std::size_t limit) {
    model_.begin_advance();
    std::size_t taken = 0;
    const std::size_t fired = wheel_.advance(
        to,
        [&](TimerNode& node) {
          ++taken;
          auto& timer = static_cast<Timer&>(node);
          const auto expected = model_.take(to);
          ASSERT_TRUE(expected);
          ASSERT_EQ(timer.id, *expected);
          ASSERT_FALSE(timer.pending());
          ASSERT_EQ(wheel_.now(), model_.now());
          ASSERT_LE(timer.deadline, std::max(to, model_.now()));
          if (prng_.chance(0.2)) insert_one();
          if (prng_.chance(0.2)) cancel_one();
          if (prng_.chance(0.1)) ask();
        },
        limit);
    EXPECT_EQ(fired, taken);
    fired_ += fired;
    if (fired < limit) {
      ASSERT_EQ(model_.take(to), std::nullopt);
    }
    ASSERT_EQ(wheel_.now(), model_.now());
  }

  Shape shape_;
  Prng prng_;
  TimerWheel wheel_;
  Model model_;
  std::vector<Timer> timers_;
  std::uint64_t last_deadline_ = 0;
  std::size_t fired_ = 0;
};

void agrees(const Shape& shape, int operations) {
  SCOPED_TRACE(testing::Message() << "seed " << shape.seed);
  SideBySide run{shape};
  run.run(operations);
  EXPECT_GT(run.fired(), static_cast<std::size_t>(operations) / 100);
}

TEST(timer_wheel, agrees_with_a_multimap_over_short_delays) {
  agrees({.seed = 1,
          .start = 0,
          .bits = 6,
          .equal = 0.2,
          .asks = 0.5,
          .cancels_earliest = 0.1,
          .timers = 100},
         200'000);
  agrees({.seed = 2,
          .start = 4090,
          .bits = 13,
          .equal = 0.2,
          .asks = 0.1,
          .cancels_earliest = 0.1,
          .timers = 500},
         200'000);
}

TEST(timer_wheel, agrees_with_a_multimap_over_delays_up_to_the_end_of_time) {
  agrees({.seed = 3,
          .start = 1'700'000'000'000,
          .bits = 30,
          .equal = 0.3,
          .asks = 0.3,
          .cancels_earliest = 0.1,
          .timers = 1000},
         200'000);
  agrees({.seed = 4,
          .start = std::uint64_t{1} << 63,
          .bits = 64,
          .equal = 0.3,
          .asks = 0.3,
          .cancels_earliest = 0.1,
          .timers = 1000},
         200'000);
}

TEST(timer_wheel, agrees_with_a_multimap_when_slots_are_opened_ahead_of_time) {
  // Many timers in one far slot, next_deadline asked all the time, the earliest often cancelled.
  agrees({.seed = 5,
          .start = 77,
          .bits = 24,
          .equal = 0.1,
          .asks = 1,
          .cancels_earliest = 0.8,
          .timers = 20'000},
         200'000);
  agrees({.seed = 6,
          .start = 77,
          .bits = 36,
          .equal = 0.5,
          .asks = 1,
          .cancels_earliest = 0.4,
          .timers = 5000},
         200'000);
}

TEST(timer_wheel, agrees_with_a_multimap_when_most_deadlines_are_equal) {
  agrees({.seed = 7,
          .start = 0,
          .bits = 20,
          .equal = 0.95,
          .asks = 0.2,
          .cancels_earliest = 0.2,
          .timers = 2000},
         200'000);
}

TEST(timer_wheel, agrees_with_a_multimap_while_crowded_slots_are_being_dealt_out) {
  // Mostly half dealt: little at a time, and next_deadline, which would finish it, hardly asked.
  agrees({.seed = 8,
          .start = 77,
          .bits = 30,
          .equal = 0.4,
          .asks = 0.001,
          .cancels_earliest = 0.2,
          .timers = 20'000,
          .deals = 0.5},
         300'000);
  agrees({.seed = 9,
          .start = 1'700'000'000'000,
          .bits = 18,
          .equal = 0.7,
          .asks = 0.01,
          .cancels_earliest = 0.4,
          .timers = 5000,
          .deals = 0.3},
         300'000);
}

TEST(timer_wheel, a_crowded_slot_is_dealt_out_in_pieces_and_keeps_its_order) {
  TimerWheel wheel{1'700'000'000'000};
  std::vector<Timer> timers(10'000);
  for (std::size_t i = 0; i < timers.size(); ++i) {
    timers[i].id = i;
    wheel.insert(timers[i], wheel.now() + 3'000'000);
  }
  EXPECT_TRUE(wheel.deal_ahead(10));
  std::size_t pieces = 1;
  while (wheel.deal_ahead(100)) {
    ++pieces;
    // What comes later stands behind, wherever the others are.
    wheel.cancel(timers[pieces]);
    wheel.insert(timers[pieces], wheel.now() + 3'000'000);
    timers[pieces].id = timers.size() + pieces;
  }
  // Through several levels, a hundred at a time.
  EXPECT_GE(pieces, 3 * timers.size() / 100);
  std::size_t fired = 0;
  std::size_t last = 0;
  wheel.advance(wheel.now() + 3'000'000, [&](TimerNode& node) {
    const auto& timer = static_cast<Timer&>(node);
    EXPECT_GE(timer.id, last);
    last = timer.id;
    ++fired;
  });
  EXPECT_EQ(fired, timers.size());
  EXPECT_EQ(wheel.wheels(), 11u);
}

TEST(timer_wheel, a_crowded_slot_has_been_dealt_out_by_the_tick_that_enters_it) {
  // A slot of level 1, and one of level 2, whose own first slot is crowded as well.
  for (const std::uint64_t begin : {std::uint64_t{64}, std::uint64_t{4096}}) {
    TimerWheel wheel;
    std::vector<Timer> timers(50'000);
    for (std::size_t i = 0; i < timers.size(); ++i) wheel.insert(timers[i], begin + i % begin);
    for (std::uint64_t now = 1; now < begin; ++now) wheel.advance(now, [](TimerNode&) {});
    EXPECT_FALSE(wheel.deal_ahead(0)) << "something is left to do at " << begin - 1;
    std::size_t fired = 0;
    wheel.advance(TimerWheel::never, [&](TimerNode&) { ++fired; });
    EXPECT_EQ(fired, timers.size());
    EXPECT_EQ(wheel.wheels(), 11u);
  }
}

// A slot that fills as it is dealt out is never done, and the first slot of its child must not wait
// for that. A timer that was dealt stands behind another one than before.
TEST(timer_wheel, dealing_is_spread_where_timers_are_set_all_the_time) {
  constexpr std::uint64_t boundary = 4096;  // of level 2
  constexpr std::uint64_t per_tick = 2'000;
  TimerWheel wheel{boundary - 200};
  std::deque<TimerNode> timers;
  std::size_t most_moved = 0;
  for (std::uint64_t now = wheel.now() + 1; now <= boundary; ++now) {
    for (std::uint64_t i = 0; i < per_tick; ++i) {
      wheel.insert(timers.emplace_back(), now + 1 + i % 1'000);
    }
    if (now % 2 != 0) continue;  // each advance comes a tick late
    std::vector<TimerLink*> before;
    if (now + 16 > boundary) {
      for (const TimerNode& timer : timers) before.push_back(timer.prev);
    }
    wheel.advance(now, [](TimerNode&) {});
    std::size_t moved = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      moved += timers[i].pending() && timers[i].prev != before[i];
    }
    most_moved = std::max(most_moved, moved);
  }
  EXPECT_LT(most_moved, 3 * per_tick);
}

TEST(timer_wheel, the_last_timer_of_a_half_dealt_list_can_be_cancelled) {
  TimerWheel wheel;
  std::vector<Timer> timers(40);
  for (Timer& timer : timers) wheel.insert(timer, 1'000'000);
  EXPECT_TRUE(wheel.deal_ahead(timers.size() - 1));
  EXPECT_TRUE(wheel.cancel(timers.back()));
  EXPECT_EQ(wheel.next_deadline(), 1'000'000u);
  wheel.insert(timers.back(), 1'000'000);
  std::size_t fired = 0;
  wheel.advance(1'000'000, [&](TimerNode& node) { EXPECT_EQ(&node, &timers[fired++]); });
  EXPECT_EQ(fired, timers.size());
}

// The case that cascades get wrong when they deal out after later insertions.
TEST(timer_wheel, equal_deadlines_keep_their_order_over_every_level) {
  for (unsigned shift = 0; shift < 63; ++shift) {
    TimerWheel wheel;
    std::vector<Timer> timers(200);
    const std::uint64_t deadline = (std::uint64_t{1} << shift) + 100'000;
    // Inserted from further and further near, so that each begins at another level.
    for (std::size_t i = 0; i < timers.size(); ++i) {
      timers[i].id = i;
      wheel.insert(timers[i], deadline);
      const std::uint64_t left = deadline - wheel.now();
      EXPECT_EQ(wheel.advance(wheel.now() + left / 4, [](TimerNode&) { FAIL(); }), 0u);
      if (i % 3 == 0) {
        EXPECT_EQ(wheel.next_deadline(), deadline);
      }
    }
    std::size_t expected = 0;
    wheel.advance(deadline - 1, [](TimerNode&) { FAIL() << "early"; });
    wheel.advance(deadline,
                  [&](TimerNode& node) { EXPECT_EQ(static_cast<Timer&>(node).id, expected++); });
    EXPECT_EQ(expected, timers.size());
  }
}

TEST(timer_wheel, a_jump_over_any_distance_takes_no_steps) {
  TimerWheel wheel;
  EXPECT_EQ(wheel.next_deadline(), TimerWheel::never);
  std::uint64_t now = 0;
  for (int i = 0; i < 1'000'000; ++i)
    wheel.advance(now += 1'000'000'000, [](TimerNode&) { FAIL(); });
  Timer far;
  wheel.insert(far, std::uint64_t{1} << 63);
  EXPECT_EQ(wheel.next_deadline(), std::uint64_t{1} << 63);
  EXPECT_EQ(wheel.advance((std::uint64_t{1} << 63) - 1, [](TimerNode&) { FAIL(); }), 0u);
  EXPECT_EQ(wheel.advance(std::uint64_t{1} << 63, [](TimerNode&) {}), 1u);
  wheel.insert(far, TimerWheel::never);
  EXPECT_EQ(wheel.advance(TimerWheel::never - 1, [](TimerNode&) { FAIL(); }), 0u);
  EXPECT_EQ(wheel.advance(TimerWheel::never, [](TimerNode&) {}), 1u);
}

TEST(timer_wheel, a_timer_that_restarts_itself_without_delay_fires_once_in_each_advance) {
  TimerWheel wheel;
  Timer timer;
  wheel.insert(timer, 5);
  for (std::uint64_t now = 10; now < 20; ++now) {
    EXPECT_EQ(wheel.advance(now, [&](TimerNode& node) { wheel.insert(node, wheel.now()); }), 1u);
    EXPECT_EQ(wheel.next_deadline(), wheel.now());
  }
}

TEST(timer_wheel, what_a_callback_starts_for_a_tick_still_to_come_fires_in_its_place) {
  TimerWheel wheel;
  Timer first;
  Timer second;
  Timer last;
  wheel.insert(first, 10);
  wheel.insert(last, 30);
  std::vector<std::uint64_t> ticks;
  wheel.advance(30, [&](TimerNode& node) {
    ticks.push_back(wheel.now());
    if (&node == &first) wheel.insert(second, 20);
  });
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{10, 20, 30}));
}

TEST(timer_wheel, a_callback_can_cancel_a_timer_of_the_same_tick) {
  TimerWheel wheel;
  Timer first;
  Timer second;
  wheel.insert(first, 10);
  wheel.insert(second, 10);
  EXPECT_EQ(wheel.advance(10, [&](TimerNode&) { EXPECT_TRUE(wheel.cancel(second)); }), 1u);
  EXPECT_FALSE(wheel.cancel(second));
  EXPECT_EQ(wheel.next_deadline(), TimerWheel::never);
}

TEST(timer_wheel, a_throwing_callback_loses_no_other_timer) {
  TimerWheel wheel;
  std::vector<Timer> timers(5);
  for (Timer& timer : timers) wheel.insert(timer, 10);
  EXPECT_THROW(wheel.advance(10, [](TimerNode&) { throw std::runtime_error{"no"}; }),
               std::runtime_error);
  EXPECT_EQ(wheel.size(), 4u);
  EXPECT_EQ(wheel.next_deadline(), 10u);
  EXPECT_EQ(wheel.advance(10, [](TimerNode&) {}), 4u);
}

// Sessions that live five minutes, each touched in turn: the earliest timer is cancelled, a new
// latest one set, and the loop asks how long it may sleep. Bounded by the wheels used, and by the
// time the test takes if every question scanned the list.
TEST(timer_wheel, cancelling_the_earliest_of_many_and_asking_again_stays_cheap) {
  TimerWheel wheel{1'700'000'000'000};
  std::vector<Timer> timers(100'000);
  std::uint64_t touches = 0;
  const auto touch = [&](Timer& timer) {
    wheel.cancel(timer);
    wheel.insert(timer, wheel.now() + 300'000 + touches++ / 4);
  };
  for (Timer& timer : timers) touch(timer);
  std::size_t most = 0;
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < timers.size(); ++i) {
      touch(timers[i]);
      ASSERT_EQ(wheel.next_deadline(), timers[(i + 1) % timers.size()].deadline);
      most = std::max(most, wheel.wheels());
    }
  }
  EXPECT_LT(most, 2000u);
  for (Timer& timer : timers) wheel.cancel(timer);
  EXPECT_EQ(wheel.wheels(), 11u);
}

TEST(timer_wheel_death_test, starting_a_pending_timer_is_a_bug) {
  TimerWheel wheel;
  Timer timer;
  wheel.insert(timer, 5);
  EXPECT_DEATH(wheel.insert(timer, 6), "a pending timer is cancelled before it is set again");
}

}  // namespace
}  // namespace troupe
