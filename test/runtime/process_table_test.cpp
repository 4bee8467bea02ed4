// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/process_table.hpp"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/sanitizer.hpp"
#include "runtime/runtime_state.hpp"
#include "runtime/signal.hpp"

namespace troupe::detail {
namespace {

struct Ping {};

// A runtime that runs nothing, for its table.
struct Table {
  explicit Table(std::uint32_t capacity)
      : runtime{{.execution = Execution::single, .max_processes = capacity}},
        table{runtime.state().table} {}
  ~Table() {
    for (Block* block : taken) give_back(*block);
  }
  Block* take(unsigned lane = 0) {
    Block* block = table.allocate(lane);
    if (block) taken.insert(block);
    return block;
  }
  void release(Block& block, unsigned lane = 0) {
    taken.erase(&block);
    give_back(block, lane);
  }
  void give_back(Block& block, unsigned lane = 0) {
    block.inbox.close();
    table.release(block, lane);
  }
  Runtime runtime;
  ProcessTable& table;
  std::unordered_set<Block*> taken;
};

TEST(ProcessTableTest, a_small_table_holds_exactly_its_capacity) {
  Table made{100};
  std::unordered_set<std::uint32_t> indices;
  for (int i = 0; i < 100; ++i) {
    // Whatever the lane: a small table has one.
    Block* block = made.take(static_cast<unsigned>(i % 5));
    ASSERT_NE(block, nullptr);
    EXPECT_TRUE(block->inbox.is_closed());
    EXPECT_NE(block->generation.load(), 0u);
    indices.insert(block->index);
  }
  EXPECT_EQ(indices.size(), 100u);
  EXPECT_EQ(made.table.size(), 100u);
  EXPECT_EQ(made.take(), nullptr);
  made.release(**made.taken.begin(), 3);
  EXPECT_EQ(made.table.size(), 99u);
  EXPECT_NE(made.take(4), nullptr);
  EXPECT_EQ(made.take(), nullptr);
}

TEST(ProcessTableTest, a_slot_waits_until_65536_others_were_freed) {
  Table made{1u << 20};
  std::unordered_map<std::uint32_t, std::uint64_t> freed_at;
  std::uint64_t freed = 0;
  std::uint64_t shortest = UINT64_MAX;
  std::uint64_t reused = 0;
  for (int i = 0; i < 200'000; ++i) {
    Block* block = made.table.allocate(1);
    ASSERT_NE(block, nullptr);
    if (const auto before = freed_at.find(block->index); before != freed_at.end()) {
      ++reused;
      shortest = std::min(shortest, freed - before->second);
    }
    made.table.release(*block, 1);
    freed_at[block->index] = ++freed;
  }
  EXPECT_GT(reused, 100'000u);
  EXPECT_GE(shortest, 65'535u);
}

TEST(ProcessTableTest, each_tenant_has_a_generation_of_its_own_and_starts_clean) {
  Table made{4};
  Pid before;
  for (int i = 0; i < 10; ++i) {
    Block* block = made.take();
    ASSERT_NE(block, nullptr);
    EXPECT_NE(block->pid(), before);
    EXPECT_FALSE(block->traps_exits || block->doomed || block->ending || block->is_main);
    EXPECT_EQ(block->name.load(), 0u);
    EXPECT_EQ(block->queue.head, nullptr);
    EXPECT_EQ(block->relations, nullptr);
    before = block->pid();
    block->traps_exits = block->doomed = block->ending = block->is_main = true;
    block->name = 77;
    made.release(*block);
  }
}

TEST(ProcessTableTest, a_generation_that_wraps_skips_zero) {
  Table made{1};
  Block* block = made.take();
  ASSERT_NE(block, nullptr);
  block->generation = UINT32_MAX;
  made.release(*block);
  EXPECT_EQ(made.take()->generation.load(), 1u);
}

TEST(ProcessTableTest, a_stale_pid_finds_nobody_though_its_slot_has_a_tenant) {
  Table made{1};
  Block* first = made.take();
  const Pid stale = first->pid();
  first->inbox.open(stale.generation());
  EXPECT_TRUE(has_tenant(stale));
  made.release(*first);
  EXPECT_FALSE(has_tenant(stale));
  Block* second = made.take();
  ASSERT_EQ(second, first);
  second->inbox.open(second->pid().generation());
  EXPECT_FALSE(has_tenant(stale));
  EXPECT_FALSE(post(stale, make_envelope<Ping>()));
  EXPECT_FALSE(second->inbox.has_mail());
  EXPECT_TRUE(has_tenant(second->pid()));
  EXPECT_FALSE(has_tenant(Pid{}));
  EXPECT_FALSE(has_tenant(Pid{200, 5, 1})) << "a node that never was";
  EXPECT_FALSE(has_tenant(Pid{9999, 5, 1}));
}

// What one worker frees more than it needs goes to the others.
TEST(ProcessTableTest, slots_that_another_lane_has_too_many_of_are_found_when_the_table_is_full) {
  constexpr std::uint32_t capacity = 1u << 20;
  Table made{capacity};
  std::vector<Block*> all;
  while (Block* block = made.table.allocate(1)) all.push_back(block);
  EXPECT_EQ(all.size(), capacity);
  EXPECT_EQ(made.table.allocate(2), nullptr);
  for (Block* block : all) made.table.release(*block, 1);
  EXPECT_EQ(made.table.size(), 0u);
  std::uint64_t found = 0;
  std::vector<Block*> again;
  while (Block* block = made.table.allocate(2)) {
    again.push_back(block);
    ++found;
  }
  // All but what lane 1 keeps to itself.
  EXPECT_GE(found, capacity - ProcessTable::reuse_distance - ProcessTable::surplus_batch);
  for (Block* block : again) made.table.release(*block, 2);
}

// One worker starts processes, another runs them to their end.
TEST(ProcessTableTest, what_one_lane_takes_and_another_frees_comes_back_when_it_is_old_enough) {
  constexpr std::uint32_t at_most = ProcessTable::reuse_distance + 2 * ProcessTable::surplus_batch;
  constexpr std::uint32_t rounds = 600'000;
  Table made{1u << 20};
  std::vector<std::uint32_t> freed_at(rounds);
  for (std::uint32_t freed = 1; freed <= rounds; ++freed) {
    Block* block = made.table.allocate(1);
    ASSERT_NE(block, nullptr);
    std::uint32_t& last = freed_at.at(block->index);
    if (last != 0) {
      ASSERT_GT(freed - last, ProcessTable::reuse_distance);
    }
    last = freed;
    made.give_back(*block, 2);
  }
  EXPECT_LE(made.table.used(), at_most);
  EXPECT_EQ(made.table.size(), 0u);
}

// Threads outside share lane 0; in a small table so do the workers.
TEST(ProcessTableTest, the_count_of_processes_is_exact_after_many_threads_have_used_one_lane) {
  Table made{1000};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      std::vector<Block*> mine;
      for (int i = 0; i < 20'000; ++i) {
        if (Block* block = made.table.allocate(0)) mine.push_back(block);
        if (mine.size() > 20) {
          for (Block* block : mine) made.table.release(*block, 0);
          mine.clear();
        }
      }
      for (Block* block : mine) made.table.release(*block, 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made.table.size(), 0u);
  int count = 0;
  while (made.take()) ++count;
  EXPECT_EQ(count, 1000);
}

TEST(ProcessTableTest, the_next_runtime_with_the_same_node_goes_on_with_the_generations) {
  Pid first;
  {
    Table made{16};
    first = made.take()->pid();
  }
  for (int i = 0; i < 3; ++i) {
    Table made{16};
    Block* block = made.take();
    ASSERT_EQ(block->node, first.node()) << "a runtime of another test is still there";
    EXPECT_GT(block->generation.load(), first.generation());
    EXPECT_FALSE(has_tenant(first));
    first = block->pid();
  }
}

// A pid may be made up, so its index may be one that only the next table has.
TEST(ProcessTableTest, a_pid_beyond_the_end_finds_nothing_while_a_larger_table_comes) {
  constexpr std::uint32_t rounds = TROUPE_THREAD_SANITIZER ? 500 : 5'000;
  Runtime owner{{.execution = Execution::single}};
  const std::uint32_t node = claim_node(NodeKind::real);
  ASSERT_NE(node, 0u);
  std::atomic<std::uint32_t> seen{0};
  std::atomic<int> beyond{0};
  std::thread reader{[&] {
    for (std::uint32_t round = 1; round <= rounds; ++round) {
      const std::uint32_t index = round - 1;
      Block* found = nullptr;
      while (!found) found = slot_of(Pid{node, index, 1});
      if (found != nodes[node].blocks.load() + index) ++beyond;
      seen.store(round);
    }
  }};
  for (std::uint32_t round = 1; round <= rounds; ++round) {
    const ProcessTable table{node, round, owner.state(), ProcessTable::Generations::go_on};
    while (seen.load() < round) std::this_thread::yield();
  }
  reader.join();
  release_node(node);
  EXPECT_EQ(beyond, 0);
}

}  // namespace
}  // namespace troupe::detail
