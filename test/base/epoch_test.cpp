// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/epoch.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "host/barrier.hpp"

namespace troupe {
namespace {

TEST(epoch, a_stamp_passes_when_the_guards_of_its_time_are_gone) {
  auto first = std::make_unique<EpochGuard>();
  const std::uint64_t stamp = epoch::stamp();
  EXPECT_FALSE(epoch::has_passed(stamp));
  first.reset();
  EXPECT_TRUE(epoch::has_passed(stamp));
  const EpochGuard later;
  EXPECT_TRUE(epoch::has_passed(stamp));
  EXPECT_FALSE(epoch::has_passed(epoch::stamp()));
}

TEST(epoch, an_inner_guard_leaves_the_outer_one_in_force) {
  const EpochGuard outer;
  const std::uint64_t stamp = epoch::stamp();
  {
    const EpochGuard inner;
  }
  EXPECT_FALSE(epoch::has_passed(stamp));
}

TEST(epoch, threads_that_ended_hold_nothing_up_and_lend_their_records) {
  for (int i = 0; i < 100; ++i) {
    std::thread{[] { const EpochGuard guard; }}.join();
  }
  EXPECT_TRUE(epoch::has_passed(epoch::stamp()));
  std::size_t records = 0;
  for (int i = 0; i < 100; ++i) {
    std::thread{[&records] {
      const EpochGuard guard;
      static epoch::Record* last = nullptr;
      records += last != epoch::mine;
      last = epoch::mine;
    }}.join();
  }
  EXPECT_EQ(records, 1u);
}

// Readers follow a pointer that a writer keeps replacing; a freed one would be seen by the
// sanitizers, and by the value.
void frees_nothing_that_a_reader_can_see() {
  struct Value {
    std::atomic<int> alive{1};
    ~Value() { alive.store(0, std::memory_order_relaxed); }
  };
  std::atomic<Value*> shared{new Value};
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::latch reading{4};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      reading.arrive_and_wait();
      while (!done.load(std::memory_order_relaxed)) {
        const EpochGuard guard;
        const Value* value = shared.load(std::memory_order_seq_cst);
        if (value->alive.load(std::memory_order_relaxed) != 1) ++wrong;
      }
    });
  }
  struct Old {
    Value* value;
    std::uint64_t stamp;
  };
  std::vector<Old> old;
  reading.arrive_and_wait();
  for (int i = 0; i < 20'000; ++i) {
    Value* const before = shared.exchange(new Value, std::memory_order_seq_cst);
    old.push_back({before, epoch::stamp()});
    std::erase_if(old, [](const Old& each) {
      if (!epoch::has_passed(each.stamp)) return false;
      delete each.value;
      return true;
    });
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  for (const Old& each : old) {
    EXPECT_TRUE(epoch::has_passed(each.stamp));
    delete each.value;
  }
  delete shared.load();
  EXPECT_EQ(wrong, 0);
}

TEST(epoch, what_a_reader_can_see_is_not_freed) { frees_nothing_that_a_reader_can_see(); }

// The barrier is for good, and so this test comes last.
TEST(epoch, with_a_barrier_of_all_threads_readers_need_none) {
  epoch::use_barrier([]() noexcept { return false; });
  const std::uint64_t stamp = epoch::stamp();
  EXPECT_FALSE(epoch::has_passed(stamp)) << "without its barrier";
  if (!prepare_barriers()) GTEST_SKIP() << "this system has no such barriers";
  static std::atomic<int> barriers;
  barriers = 0;
  epoch::use_barrier([]() noexcept {
    ++barriers;
    return barrier_on_all_threads();
  });
  EXPECT_TRUE(epoch::has_passed(stamp));
  EXPECT_EQ(barriers, 1);
  EXPECT_TRUE(epoch::has_passed(stamp));
  EXPECT_EQ(barriers, 1) << "one serves all stamps before it";
  EXPECT_TRUE(epoch::has_passed(epoch::stamp()));
  EXPECT_EQ(barriers, 2);
  frees_nothing_that_a_reader_can_see();
}

}  // namespace
}  // namespace troupe
