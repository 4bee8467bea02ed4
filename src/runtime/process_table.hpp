// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "runtime/block.hpp"

namespace troupe::detail {

struct RuntimeState;
class MailboxLimits;

// The control blocks of one node, as one reserved range of address space: a pid's index is an
// offset, so a send finds its receiver by one addition. Pages become memory when they are first
// used.
//
// Slots are type-stable: a block is never anything but a block, so that a sender with a stale pid
// may look at it at any time. It is reused first in, first out, and only after at least
// `reuse_distance` others were freed on the same lane, or when the table is full otherwise.
//
// Lanes: each worker allocates from and frees to its own, without locks; threads outside share lane
// 0 under a lock. A lane that has freed far more than it needs gives a batch of the oldest to the
// others, who take it before they use fresh slots: where one worker starts processes and another
// runs them to their end, the table needs what lives, and 98,304 slots. Before, batches were taken
// only when the table was full. A million processes that end at once took 128 MB of blocks then,
// and to clear them was more than half of the processor time: 2.9 M/s with one worker and 2.8 with
// two, now 5.2 and 5.4 (medians of 7 runs in turn on a busy machine).
//
// Beyond the first 16,384 blocks pages are large ones where the system has them at hand. Ten
// million processes fault 300,000 times for their blocks alone otherwise, which costs 1.5 us each
// on one virtual machine and 12 on another. Where none are at hand the kernel may look for them:
// a million processes were seen to spend 600 ms there once, instead of 150.
//
// The range of a node number is kept and reused by the next runtime with that number, with its
// generations going on, so a pid of a runtime that is gone is as dead as any other.
class ProcessTable {
 public:
  static constexpr std::uint32_t reuse_distance = 65'536;
  static constexpr std::uint32_t surplus_batch = 16'384;
  static constexpr unsigned max_lanes = 256;

  // Whether pids go on where the node number's last runtime ended, or begin anew: the simulator
  // wants the same pids in every run, and no pid leaves a simulation.
  enum class Generations : bool { go_on, anew };

  ProcessTable(std::uint32_t node, std::uint32_t capacity, RuntimeState& owner,
               Generations generations);
  ~ProcessTable();
  ProcessTable(const ProcessTable&) = delete;

  // A closed slot with a fresh generation, its fields reset; null when `capacity` processes live.
  Block* allocate(unsigned lane) noexcept;
  // The block must be closed; its generation is advanced.
  void release(Block& block, unsigned lane) noexcept;

  // Processes that live now; exact when nobody starts or ends.
  std::size_t size() const noexcept;
  std::uint32_t capacity() const noexcept { return capacity_; }
  // One above the highest index that was ever used.
  std::uint32_t used() const noexcept { return fresh_.load(std::memory_order_relaxed); }
  Block& at(std::uint32_t index) noexcept { return blocks_[index]; }

 private:
  struct alignas(128) Lane {
    Block* first = nullptr;  // freed longest ago
    Block* last = nullptr;
    Block* aged = nullptr;    // a batch of another lane's, old enough to be used at once
    std::uint32_t freed = 0;  // so many blocks were put at the end of the list,
    std::uint32_t taken = 0;  // and so many taken from its beginning
    std::uint32_t fresh = 0;  // indices taken from the common counter and not yet used
    std::uint32_t fresh_end = 0;
    // Written by the lane's owner only; on lane 0 under the lock.
    std::atomic<std::uint64_t> allocated{0};
    std::atomic<std::uint64_t> released{0};
    // The last block of each batch, so that nobody goes through one to find its end. Lane 0, which
    // gives no batches, may have more than that.
    Block* marks[8] = {};

    std::uint32_t count() const noexcept { return freed - taken; }
    Block*& mark(std::uint32_t at) noexcept { return marks[at / surplus_batch % 8]; }
  };
  static_assert(8 * surplus_batch >= reuse_distance + 2 * surplus_batch);

  struct Slot {
    Block* block = nullptr;
    bool is_fresh = false;  // was never used
  };

  Block* take_fresh(Lane& lane) noexcept;
  void begin_use(Block& block) noexcept;
  static Block* pop(Block*& first) noexcept;
  static Block* pop_freed(Lane& lane) noexcept;
  Slot allocate_from(Lane& lane) noexcept;
  void release_to(Lane& lane, Block& block) noexcept;
  void give_surplus(Lane& lane) noexcept;
  bool take_surplus(Lane& lane) noexcept;
  bool take_from_outside(Lane& lane) noexcept;

  std::uint32_t node_;
  std::uint32_t capacity_;
  std::uint32_t first_generation_;
  Block* blocks_;
  std::atomic<std::uint32_t> fresh_{0};
  Lane lanes_[max_lanes];

  std::mutex lock_;              // guards lane 0 and the surplus
  std::vector<Block*> surplus_;  // the first block of each batch
  std::atomic<bool> has_surplus_{false};
};

// What a pid's node number leads to. Nodes are few and fixed in number, so this is an array;
// entries are written when a runtime begins or ends, and read by every send.
struct NodeEntry {
  std::atomic<Block*> blocks{nullptr};
  std::atomic<std::uint32_t> capacity{0};  // of `blocks`, or of the range before; see slot_of
  std::atomic<RuntimeState*> runtime{nullptr};
  std::atomic<MailboxLimits*> limits{nullptr};  // null until a process sets one
  std::atomic<std::uint32_t> highest_generation{0};
  std::atomic<bool> taken{false};
};
inline constexpr std::uint32_t max_nodes = 256;
extern NodeEntry nodes[max_nodes];

// A free node number; 0 when there is none. Simulated nodes have numbers of their own, because
// their pids begin anew with every simulation (Generations::anew): a pid or a late reply that
// outlived a real runtime must not reach them.
enum class NodeKind : bool { real, simulated };
inline constexpr std::uint32_t first_simulated_node = max_nodes / 2;
std::uint32_t claim_node(NodeKind kind) noexcept;
void release_node(std::uint32_t node) noexcept;

// The slot a pid points at, null if its node has none such. Says nothing about the tenant.
inline Block* slot_of(Pid pid) noexcept {
  if (pid.node() >= max_nodes) return nullptr;
  const NodeEntry& entry = nodes[pid.node()];
  // The capacity first, because it only grows: with an older one the range is large enough, too.
  // Acquire, both: pairs with the table's constructor, which maps the range, publishes it, and then
  // says how many blocks it has.
  if (pid.index() >= entry.capacity.load(std::memory_order_acquire)) return nullptr;
  Block* blocks = entry.blocks.load(std::memory_order_acquire);
  return blocks + pid.index();
}

// Whether this pid's process lives, at this moment.
inline bool has_tenant(Pid pid) noexcept {
  const Block* block = slot_of(pid);
  return block && !block->inbox.is_closed() &&
         block->generation.load(std::memory_order_acquire) == pid.generation();
}

inline RuntimeState* runtime_of(std::uint32_t node) noexcept {
  return node < max_nodes ? nodes[node].runtime.load(std::memory_order_acquire) : nullptr;
}

}  // namespace troupe::detail
