// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/parker.hpp"

#include <atomic>
#include <ctime>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace troupe {
namespace {

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

TEST(ParkerTest, an_unpark_that_came_first_is_remembered_once) {
  Parker parker;
  parker.unpark();
  parker.unpark();
  EXPECT_TRUE(parker.park());
  EXPECT_FALSE(parker.park(now_ns() + 1'000'000)) << "two unparks are one permit";
}

TEST(ParkerTest, a_deadline_ends_the_wait_and_not_before) {
  Parker parker;
  const std::int64_t deadline = now_ns() + 3'000'000;
  EXPECT_FALSE(parker.park(deadline));
  EXPECT_GE(now_ns(), deadline);
}

TEST(ParkerTest, a_deadline_that_has_passed_still_takes_a_permit) {
  Parker parker;
  for (const std::int64_t past : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}}) {
    EXPECT_FALSE(parker.park(past));
    parker.unpark();
    EXPECT_TRUE(parker.park(past));
  }
}

// The plain number is handed over by unpark and park alone; the thread sanitizer checks that it is.
TEST(ParkerTest, two_threads_hand_a_number_back_and_forth) {
  constexpr int rounds = 20'000;
  Parker mine, theirs;
  int number = 0;
  std::thread other{[&] {
    for (int i = 0; i < rounds; ++i) {
      theirs.park();
      ++number;
      mine.unpark();
    }
  }};
  for (int i = 0; i < rounds; ++i) {
    ++number;
    theirs.unpark();
    ASSERT_TRUE(mine.park());
  }
  other.join();
  EXPECT_EQ(number, 2 * rounds);
}

// Relaxed counters: what the sleeper sees after it was woken, it sees through the permit alone.
TEST(ParkerTest, however_many_unpark_at_once_the_last_one_is_not_slept_through) {
  constexpr int threads = 4;
  constexpr int rounds = 5'000;
  Parker parker;
  std::atomic<int> done{0};
  std::vector<std::thread> others;
  for (int i = 0; i < threads; ++i) {
    others.emplace_back([&] {
      for (int round = 0; round < rounds; ++round) {
        done.fetch_add(1, std::memory_order_relaxed);
        parker.unpark();
      }
    });
  }
  while (done.load(std::memory_order_relaxed) != threads * rounds) parker.park();
  for (std::thread& each : others) each.join();
}

// Deadlines so short that they meet the unpark: each permit comes out exactly once, now or later.
TEST(ParkerTest, a_permit_that_meets_the_deadline_is_neither_lost_nor_doubled) {
  constexpr int rounds = 20'000;
  Parker parker;
  std::atomic<int> taken{0};
  std::thread other{[&] {
    for (int i = 0; i < rounds; ++i) {
      parker.unpark();
      while (taken.load(std::memory_order_acquire) <= i) std::this_thread::yield();
    }
  }};
  for (int i = 0; i < rounds; ++i) {
    while (!parker.park(now_ns() + i % 64 * 1'000)) {
    }
    taken.fetch_add(1, std::memory_order_release);
  }
  other.join();
  EXPECT_FALSE(parker.park(now_ns())) << "more permits than unparks";
}

}  // namespace
}  // namespace troupe
