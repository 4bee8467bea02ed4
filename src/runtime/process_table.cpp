// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/process_table.hpp"

#include <cstdint>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "host/memory.hpp"

namespace troupe::detail {

NodeEntry nodes[max_nodes];

std::uint32_t claim_node(NodeKind kind) noexcept {
  const bool is_real = kind == NodeKind::real;
  const std::uint32_t end = is_real ? first_simulated_node : max_nodes;
  for (std::uint32_t node = is_real ? 1 : first_simulated_node; node < end; ++node) {
    bool expected = false;
    if (nodes[node].taken.compare_exchange_strong(expected, true)) return node;
  }
  return 0;
}

void release_node(std::uint32_t node) noexcept { nodes[node].taken.store(false); }

namespace {

// How many fresh indices a lane takes at once: one page of blocks, so that neighbours in time are
// neighbours in memory.
constexpr std::uint32_t fresh_batch = 32;

// Below this everybody shares lane 0, so that the limit is exact: slots that wait on other lanes
// for their turn would be most of a small table. Above it, spawn may fail up to 98,304 slots early
// for each further worker.
constexpr std::uint32_t smallest_laned_table = 1u << 20;

std::size_t bytes_of(std::uint32_t capacity) noexcept {
  return std::size_t{capacity} * sizeof(Block);
}

// Small nodes, and there may be many, do not get a large page each.
void* reserve_blocks(std::uint32_t capacity) noexcept {
  const std::size_t bytes = bytes_of(capacity);
  void* range = reserve_memory(bytes);
  if (range && bytes > large_page_bytes) {
    prefer_large_pages(static_cast<std::byte*>(range) + large_page_bytes, bytes - large_page_bytes);
  }
  return range;
}

// One writer at a time: the lane's owner, or on lane 0 whoever holds the lock.
void count_one(std::atomic<std::uint64_t>& counter) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

}  // namespace

ProcessTable::ProcessTable(std::uint32_t node, std::uint32_t capacity, RuntimeState& owner,
                           Generations generations)
    : node_{node}, capacity_{capacity} {
  NodeEntry& entry = nodes[node];
  first_generation_ = generations == Generations::anew ? 1 : entry.highest_generation.load() + 1;
  blocks_ = entry.blocks.load();
  if (blocks_ && entry.capacity.load() < capacity) {
    // The old range stays reserved (a stale sender may look at it); it holds no memory.
    blocks_ = nullptr;
  }
  if (!blocks_) {
    void* range = reserve_blocks(capacity);
    if (!range) throw std::bad_alloc{};
    TROUPE_ASSERT(Inbox::fits(range), "the process table lies where pointers do not fit");
    blocks_ = static_cast<Block*>(range);
    // In this order, release: pairs with slot_of.
    entry.blocks.store(blocks_, std::memory_order_release);
    entry.capacity.store(capacity, std::memory_order_release);
  }
  entry.runtime.store(&owner, std::memory_order_release);
}

ProcessTable::~ProcessTable() {
  NodeEntry& entry = nodes[node_];
  entry.runtime.store(nullptr, std::memory_order_release);
  std::uint32_t highest = entry.highest_generation.load();
  const std::uint32_t end = used();
  for (std::uint32_t index = 0; index < end; ++index) {
    const std::uint32_t generation = blocks_[index].generation.load(std::memory_order_relaxed);
    if (generation > highest) highest = generation;
  }
  entry.highest_generation.store(highest);
  // Zero pages read as generation 0, which no pid carries.
  if (end > 0) discard_memory(blocks_, bytes_of(end));
}

// One that was never used.
Block* ProcessTable::take_fresh(Lane& lane) noexcept {
  if (lane.fresh == lane.fresh_end) {
    std::uint32_t from = fresh_.load(std::memory_order_relaxed);
    std::uint32_t to;
    do {
      if (from >= capacity_) return nullptr;
      to = from + fresh_batch < capacity_ ? from + fresh_batch : capacity_;
    } while (!fresh_.compare_exchange_weak(from, to, std::memory_order_relaxed));
    lane.fresh = from;
    lane.fresh_end = to;
  }
  return blocks_ + lane.fresh++;
}

// The kernel's zero pages are blocks already, and whoever goes through the table looks at them as
// such: no constructor runs, because it would write plainly what others read. Release: pairs with
// processes(), which must find the inbox of a block that has a generation closed.
void ProcessTable::begin_use(Block& block) noexcept {
  if (reinterpret_cast<std::uintptr_t>(&block) % large_page_bytes == 0) begin_large_page(&block);
  block.node = node_;
  block.index = static_cast<std::uint32_t>(&block - blocks_);
  block.inbox.start_closed();
  block.generation.store(first_generation_, std::memory_order_release);
}

Block* ProcessTable::pop(Block*& first) noexcept {
  Block* block = first;
  first = block->next;
  // The slot after it is needed soon, and was last touched long ago.
  if (first) {
    __builtin_prefetch(first, 1);
    __builtin_prefetch(reinterpret_cast<const std::byte*>(first) + 64, 1);
  }
  return block;
}

Block* ProcessTable::pop_freed(Lane& lane) noexcept {
  Block* block = pop(lane.first);
  if (!lane.first) lane.last = nullptr;
  ++lane.taken;
  return block;
}

ProcessTable::Slot ProcessTable::allocate_from(Lane& lane) noexcept {
  if (lane.count() >= reuse_distance) return {pop_freed(lane), false};
  if (lane.aged) return {pop(lane.aged), false};
  if (lane.fresh == lane.fresh_end && take_surplus(lane)) return {pop(lane.aged), false};
  if (Block* fresh = take_fresh(lane)) return {fresh, true};
  // The table is as large as it may be: age does not matter any more.
  if (lane.count() > 0 || take_from_outside(lane)) return {pop_freed(lane), false};
  return {};
}

Block* ProcessTable::allocate(unsigned lane_number) noexcept {
  if (capacity_ < smallest_laned_table) lane_number = 0;
  Lane& lane = lanes_[lane_number];
  Slot slot;
  {
    std::unique_lock guard{lock_, std::defer_lock};
    if (lane_number == 0) guard.lock();
    slot = allocate_from(lane);
    if (!slot.block) return nullptr;
    count_one(lane.allocated);
  }
  Block* const block = slot.block;
  // Not under the lock: the first touch of a large page may take milliseconds.
  if (slot.is_fresh) begin_use(*block);
  block->continuation() = Continuation{};
  block->limited.store(0, std::memory_order_relaxed);
  block->priority = Priority::normal;
  block->phase = Phase::ready;
  block->traps_exits = block->timed_out = block->doomed = block->yielded = false;
  block->crash_reported = block->letting_go = block->ending = block->is_main = false;
  block->next = nullptr;
  block->receiver = nullptr;
  block->queue = {};
  block->scanned = nullptr;
  block->relations = nullptr;
  block->body = {};
  block->clock = nullptr;
  block->reductions = 0;
  block->name.store(0, std::memory_order_relaxed);
  block->behaviour.store(nullptr, std::memory_order_relaxed);
  return block;
}

void ProcessTable::release_to(Lane& lane, Block& block) noexcept {
  block.next = nullptr;
  (lane.last ? lane.last->next : lane.first) = &block;
  lane.last = &block;
  if (++lane.freed % surplus_batch == 0) lane.mark(lane.freed) = &block;
}

void ProcessTable::release(Block& block, unsigned lane_number) noexcept {
  if (capacity_ < smallest_laned_table) lane_number = 0;
  // A wrapped generation skips 0, which no pid may carry.
  std::uint32_t next = block.generation.load(std::memory_order_relaxed) + 1;
  if (next == 0) next = 1;
  block.generation.store(next, std::memory_order_relaxed);
  Lane& lane = lanes_[lane_number];
  std::unique_lock guard{lock_, std::defer_lock};
  if (lane_number == 0) guard.lock();
  release_to(lane, block);
  count_one(lane.released);
  if (lane_number != 0 && lane.count() >= reuse_distance + surplus_batch) give_surplus(lane);
}

// Up to the oldest mark: a batch, or what is left of one.
void ProcessTable::give_surplus(Lane& lane) noexcept {
  Block* const first = lane.first;
  const std::uint32_t taken = lane.taken / surplus_batch * surplus_batch + surplus_batch;
  Block* const last = lane.mark(taken);
  lane.taken = taken;
  lane.first = std::exchange(last->next, nullptr);
  const std::lock_guard guard{lock_};
  surplus_.push_back(first);
  has_surplus_.store(true, std::memory_order_relaxed);
}

// Lane 0 calls this with the lock held, as it does the next.
bool ProcessTable::take_surplus(Lane& lane) noexcept {
  // Relaxed: whoever misses one takes a fresh slot. The lock orders all else.
  if (!has_surplus_.load(std::memory_order_relaxed)) return false;
  std::unique_lock guard{lock_, std::defer_lock};
  if (&lane != &lanes_[0]) guard.lock();
  if (surplus_.empty()) return false;
  lane.aged = surplus_.back();
  surplus_.pop_back();
  has_surplus_.store(!surplus_.empty(), std::memory_order_relaxed);
  return true;
}

// Slots that threads outside have freed.
bool ProcessTable::take_from_outside(Lane& lane) noexcept {
  if (&lane == &lanes_[0]) return false;
  const std::lock_guard guard{lock_};
  Lane& outside = lanes_[0];
  if (outside.count() == 0) return false;
  release_to(lane, *pop_freed(outside));
  return true;
}

std::size_t ProcessTable::size() const noexcept {
  std::uint64_t allocated = 0;
  std::uint64_t released = 0;
  for (const Lane& lane : lanes_) {
    // Released first: a process that ends in between must not count below zero. Acquire: pairs with
    // count_one, so that whoever sees the end of a process also sees its beginning, and the
    // beginnings of those it has started. Hence 0 means that there was a moment without any.
    released += lane.released.load(std::memory_order_acquire);
  }
  for (const Lane& lane : lanes_) allocated += lane.allocated.load(std::memory_order_relaxed);
  return static_cast<std::size_t>(allocated - released);
}

}  // namespace troupe::detail
