// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>

namespace troupe {

// When may memory be freed that readers without locks may still look at? Epoch-based reclamation:
// K. Fraser, "Practical lock-freedom", University of Cambridge 2004, section 5.2.3, in a form with
// one counter and no phases. A reader holds an EpochGuard while it looks; its thread has a record
// that says in which epoch it began. A writer
//
//   1. makes the memory unreachable,
//   2. takes a stamp, which begins a new epoch,
//   3. frees it once has_passed(stamp): no reader that began in that epoch or before is at work.
//
//   who     does                          order    pairs with
//   reader  record = epoch          (a)   seq_cst  (d)
//   reader  reads a pointer         (b)   seq_cst  (c)
//   reader  record = 0, or the next (a)   release  (d): its reads came before the memory is freed
//   writer  removes the pointer     (c)   seq_cst  (b)
//   writer  stamp: epoch += 1       (s)   acq_rel  the reader's load of the epoch, an acquire
//   writer  reads every record      (d)   seq_cst  (a)
//
// Safe, because for a reader that (b) still finds the pointer: if it loaded its epoch after (s),
// (c) happened before (b), which contradicts. So its epoch is at most the stamp, and either (d)
// sees that in its record, and waits; or (d) came before (a) in the single order of all seq_cst
// operations, then so did (c) before (b), which contradicts again. Fences would do with weaker
// orders, but ThreadSanitizer does not understand fences, and on x86 the loads are plain ones.
//
// The seq_cst of (a) is an exchange, and dear where a look-up is little but cache misses: what
// comes after it waits for what came before, so one look-up's misses hardly overlap the next one's.
// Of 100,000 names two readers found one in 125 ns each with it and in 84 without (the best of 15
// runs in turn on a busy machine). A program that has a barrier for all its threads (use_barrier:
// membarrier on Linux) moves the cost to the writers:
//
//   reader  record = epoch          (a')  relaxed  (m), which comes before or after it
//   writer  barrier                 (m)   after (s), before (d): every thread passes a full fence
//
// A reader's fence lies before (a'), and then before its (b), which sees (c), since (c) came before
// (m); or after (a'), and then (d) sees the record. That the compiler keeps (a') before (b) is seen
// to by a signal fence. One barrier serves all stamps that are older than it: 64 shards that
// are written to in turn need one for about 4,000 writes. It takes 1.2 us here, and 80 where it
// finds the other virtual core put aside.
//
// A guard costs two stores to a line of its own thread, never waits, and delays only the freeing.
// It must not be held over a suspension of a coroutine, or for long: memory retired meanwhile by
// anyone piles up.
namespace epoch {

// Step 2: for all that became unreachable before. Costs every reader a cache miss, so writers take
// one for many pieces of memory.
std::uint64_t stamp() noexcept;

// Step 3. Looks at the record of every thread.
bool has_passed(std::uint64_t stamp) noexcept;

// Makes every thread of the program pass a full fence before it returns; false: it did not, and
// nothing is freed for now.
using Barrier = bool (*)() noexcept;
// For good. Threads whose first guard came before keep their exchange.
void use_barrier(Barrier barrier) noexcept;

// One for each thread that ever held a guard; reused by later threads, never freed.
struct alignas(64) Record {
  std::atomic<std::uint64_t> entered{0};  // zero: no guard is held
  std::uint32_t depth = 0;                // the thread's own
  bool has_barrier = false;               // the thread's own: (a') will do
  std::atomic<bool> taken{true};
  Record* next = nullptr;
};

alignas(64) inline constinit std::atomic<std::uint64_t> current{1};
inline constinit thread_local Record* mine = nullptr;
Record* attach();

}  // namespace epoch

class EpochGuard {
 public:
  // The first of a thread allocates.
  EpochGuard() : record_{epoch::mine ? epoch::mine : epoch::attach()} {
    if (record_->depth++ == 0) {
      const std::uint64_t now = epoch::current.load(std::memory_order_acquire);
      if (record_->has_barrier) {
        record_->entered.store(now, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_seq_cst);
      } else {
        record_->entered.store(now, std::memory_order_seq_cst);
      }
    }
  }
  ~EpochGuard() {
    if (--record_->depth == 0) record_->entered.store(0, std::memory_order_release);
  }
  EpochGuard(const EpochGuard&) = delete;
  EpochGuard& operator=(const EpochGuard&) = delete;

 private:
  epoch::Record* record_;
};

}  // namespace troupe
