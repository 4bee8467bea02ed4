// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/run_queue.hpp"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <thread>
#include <vector>

#include <troupe/runtime.hpp>

#include "runtime/runtime_state.hpp"

namespace troupe::detail {
namespace {

// The ring never looks into a block, so any value will do.
Block* block_of(std::uintptr_t number) { return reinterpret_cast<Block*>(number * 128); }
std::uintptr_t number_of(Block* block) { return reinterpret_cast<std::uintptr_t>(block) / 128; }

TEST(RunRingTest, is_first_in_first_out_and_bounded) {
  auto queue = std::make_unique<RunRing>();
  EXPECT_EQ(queue->pop(), nullptr);
  for (std::uintptr_t round = 0; round < 3; ++round) {
    for (std::uintptr_t i = 1; i <= RunRing::capacity; ++i) {
      EXPECT_TRUE(queue->push(block_of(round * 1000 + i)));
    }
    EXPECT_FALSE(queue->push(block_of(9))) << "a full ring";
    EXPECT_EQ(queue->size(), RunRing::capacity);
    for (std::uintptr_t i = 1; i <= RunRing::capacity; ++i) {
      EXPECT_EQ(number_of(queue->pop()), round * 1000 + i);
    }
    EXPECT_EQ(queue->pop(), nullptr);
  }
}

TEST(RunRingTest, a_thief_takes_the_older_half_rounded_up) {
  auto queue = std::make_unique<RunRing>();
  Block* stolen[RunRing::capacity];
  EXPECT_EQ(queue->take_half(stolen), 0u);
  for (std::uintptr_t i = 1; i <= 5; ++i) queue->push(block_of(i));
  ASSERT_EQ(queue->take_half(stolen), 3u);
  for (std::uintptr_t i = 0; i < 3; ++i) EXPECT_EQ(number_of(stolen[i]), i + 1);
  EXPECT_EQ(number_of(queue->pop()), 4u);
  ASSERT_EQ(queue->take_half(stolen), 1u);
  EXPECT_EQ(number_of(stolen[0]), 5u);
  EXPECT_EQ(queue->taken(), 5u);
}

// The owner pushes and pops, two thieves take halves: everything comes out once.
TEST(RunRingTest, under_stealing_everything_comes_out_exactly_once) {
  constexpr std::uintptr_t total = 400'000;
  auto queue = std::make_unique<RunRing>();
  std::vector<std::atomic<std::uint8_t>> seen(total + 1);
  std::atomic<std::uintptr_t> out{0};
  const auto note = [&](Block* block) {
    seen[number_of(block)].fetch_add(1, std::memory_order_relaxed);
    out.fetch_add(1, std::memory_order_relaxed);
  };
  std::atomic<bool> done{false};
  std::vector<std::thread> thieves;
  for (int thief = 0; thief < 2; ++thief) {
    thieves.emplace_back([&] {
      Block* stolen[RunRing::capacity];
      while (!done) {
        const std::uint32_t count = queue->take_half(stolen);
        for (std::uint32_t i = 0; i < count; ++i) note(stolen[i]);
        if (count == 0) std::this_thread::yield();
      }
    });
  }
  std::uintptr_t next = 1;
  while (next <= total) {
    for (int burst = 0; burst < 40 && next <= total; ++burst) {
      if (queue->push(block_of(next))) ++next;
    }
    for (int i = 0; i < 10; ++i) {
      if (Block* block = queue->pop()) note(block);
    }
  }
  while (Block* block = queue->pop()) note(block);
  while (out.load() < total) std::this_thread::yield();
  done = true;
  for (std::thread& thief : thieves) thief.join();
  EXPECT_EQ(out.load(), total);
  EXPECT_TRUE(std::all_of(seen.begin() + 1, seen.end(),
                          [](const std::atomic<std::uint8_t>& count) { return count == 1; }));
}

// A thief that saw more would take the only one, which nobody should: two in conversation.
TEST(RunRingTest, never_seems_longer_than_it_was) {
  auto queue = std::make_unique<RunRing>();
  std::atomic<bool> done{false};
  std::thread owner{[&] {
    for (int i = 0; i < 2'000'000; ++i) {
      queue->push(block_of(1));
      queue->pop();
    }
    done = true;
  }};
  std::uint32_t longest = 0;
  while (!done) longest = std::max(longest, queue->size());
  owner.join();
  EXPECT_LE(longest, 1u);
}

// Blocks of a table, because beyond the rings they are linked to each other.
class RunQueueTest : public testing::Test {
 protected:
  static constexpr std::uint32_t total = 50'000;

  void SetUp() override {
    for (std::uint32_t i = 0; i < total; ++i) blocks.push_back(runtime.state().table.allocate(0));
    std::ranges::sort(blocks);
  }
  void TearDown() override {
    for (Block* block : blocks) runtime.state().table.release(*block, 0);
  }

  Runtime runtime{{.execution = Execution::single, .max_processes = 60'000}};
  std::vector<Block*> blocks;
  RunQueue queue;
};

TEST_F(RunQueueTest, is_first_in_first_out_however_many_there_are) {
  for (int round = 0; round < 2; ++round) {
    std::size_t out = 0;
    // More come in while the oldest go out, so that both rings and the list between them are used.
    for (std::size_t i = 0; i < total; ++i) {
      queue.push(blocks[i]);
      if (i % 3 == 2) {
        EXPECT_EQ(queue.pop(), blocks[out++]);
      }
    }
    EXPECT_EQ(queue.size(), total - out);
    while (Block* block = queue.pop()) ASSERT_EQ(block, blocks[out++]);
    EXPECT_EQ(out, total);
  }
}

TEST_F(RunQueueTest, counts_what_was_taken_and_not_what_was_moved) {
  for (Block* block : blocks) queue.push(block);
  EXPECT_EQ(queue.taken(), 0u);
  for (int i = 0; i < 10; ++i) queue.pop();
  // The batch that came forward is counted when it is taken, but for its first, which is.
  EXPECT_LE(queue.taken(), 10u);
  Block* stolen[RunQueue::capacity];
  while (queue.take_half(stolen) != 0) {
  }
  EXPECT_EQ(queue.size(), 0u);
}

TEST_F(RunQueueTest, lets_one_of_the_newest_out_and_keeps_the_others_in_order) {
  for (std::size_t i = 0; i < 1000; ++i) queue.push(blocks[i]);
  EXPECT_FALSE(queue.take_out(blocks[1000])) << "not in it";
  EXPECT_FALSE(queue.take_out(blocks[0])) << "one of the oldest";
  EXPECT_TRUE(queue.take_out(blocks[998]));
  EXPECT_FALSE(queue.take_out(blocks[998]));
  EXPECT_TRUE(queue.take_out(blocks[999]));
  EXPECT_EQ(queue.size(), 998u);
  EXPECT_EQ(queue.taken(), 2u);
  for (std::size_t i = 0; i < 998; ++i) ASSERT_EQ(queue.pop(), blocks[i]);
  EXPECT_EQ(queue.pop(), nullptr);
}

TEST_F(RunQueueTest, what_others_give_comes_before_the_newest) {
  EXPECT_TRUE(queue.is_empty());
  queue.give(&blocks[1], 2);
  EXPECT_FALSE(queue.is_empty());
  queue.push(blocks[3]);
  EXPECT_EQ(queue.size(), 3u);
  for (std::size_t i = 1; i <= 3; ++i) EXPECT_EQ(queue.pop(), blocks[i]);
  EXPECT_TRUE(queue.is_empty());
}

TEST_F(RunQueueTest, under_stealing_everything_comes_out_exactly_once) {
  std::vector<std::atomic<std::uint8_t>> seen(total);
  std::atomic<std::size_t> out{0};
  const auto note = [&](Block* block) {
    seen[static_cast<std::size_t>(std::ranges::lower_bound(blocks, block) - blocks.begin())]
        .fetch_add(1, std::memory_order_relaxed);
    out.fetch_add(1, std::memory_order_relaxed);
  };
  std::vector<std::thread> thieves;
  for (int thief = 0; thief < 2; ++thief) {
    thieves.emplace_back([&] {
      Block* stolen[RunQueue::capacity];
      while (out.load() < total) {
        const std::uint32_t count = queue.take_half(stolen);
        for (std::uint32_t i = 0; i < count; ++i) note(stolen[i]);
        if (count == 0) std::this_thread::yield();
      }
    });
  }
  for (std::size_t i = 0; i < total; ++i) {
    queue.push(blocks[i]);
    if (i % 8 == 0) {
      if (Block* block = queue.pop()) note(block);
    }
    if (i % 100 == 0) {
      if (queue.take_out(blocks[i - i % 3])) note(blocks[i - i % 3]);
    }
  }
  while (Block* block = queue.pop()) note(block);
  for (std::thread& thief : thieves) thief.join();
  EXPECT_EQ(out.load(), total);
  EXPECT_TRUE(
      std::ranges::all_of(seen, [](const std::atomic<std::uint8_t>& count) { return count == 1; }));
}

TEST(SharedQueueTest, keeps_the_order_and_counts) {
  Runtime runtime{{.execution = Execution::single, .max_processes = 64}};
  ProcessTable& table = runtime.state().table;
  std::vector<Block*> blocks;
  for (int i = 0; i < 6; ++i) blocks.push_back(table.allocate(0));
  SharedQueue queue;
  EXPECT_TRUE(queue.is_empty());
  queue.push(blocks[0]);
  queue.push(&blocks[1], 5);
  EXPECT_EQ(queue.size(), 6u);
  EXPECT_EQ(queue.pop(), blocks[0]);
  Block* out[8];
  ASSERT_EQ(queue.pop(out, 3), 3u);
  EXPECT_TRUE(std::equal(out, out + 3, blocks.begin() + 1));
  ASSERT_EQ(queue.pop(out, 8), 2u);
  EXPECT_TRUE(std::equal(out, out + 2, blocks.begin() + 4));
  EXPECT_EQ(queue.pop(), nullptr);
  EXPECT_TRUE(queue.is_empty());
  for (Block* block : blocks) table.release(*block, 0);
}

}  // namespace
}  // namespace troupe::detail
