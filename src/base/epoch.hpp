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
// A guard costs one exchange on a line of its own thread, never waits, and delays only the freeing.
// It must not be held over a suspension of a coroutine, or for long: memory retired meanwhile by
// anyone piles up.
namespace epoch {

// Step 2: for all that became unreachable before. Costs every reader a cache miss, so writers take
// one for many pieces of memory.
std::uint64_t stamp() noexcept;

// Step 3. Looks at the record of every thread.
bool has_passed(std::uint64_t stamp) noexcept;

// One for each thread that ever held a guard; reused by later threads, never freed.
struct alignas(64) Record {
  std::atomic<std::uint64_t> entered{0};  // zero: no guard is held
  std::uint32_t depth = 0;                // the thread's own
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
      record_->entered.store(epoch::current.load(std::memory_order_acquire),
                             std::memory_order_seq_cst);
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
