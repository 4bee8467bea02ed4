// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/epoch.hpp"

#include "base/sanitizer.hpp"

namespace troupe::epoch {

namespace {

constinit std::atomic<Record*> records{nullptr};

constinit std::atomic<Barrier> barrier_of_all{nullptr};
// The epoch in which the last barrier began: every stamp before it has its (m).
constinit std::atomic<std::uint64_t> fenced{0};

// Gives the record to a later thread when this one ends.
struct Detacher {
  ~Detacher() {
    if (!mine) return;
    // Pairs with the acquire of attach(): the next owner sees depth as this one has left it.
    mine->taken.store(false, std::memory_order_release);
    mine = nullptr;
  }
};

}  // namespace

Record* attach() {
  // Acquire: pairs with the release below, so that the record's fields are seen.
  for (Record* record = records.load(std::memory_order_acquire); record; record = record->next) {
    bool free = false;
    if (record->taken.compare_exchange_strong(free, true, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
      mine = record;
      break;
    }
  }
  if (!mine) {
    auto* record = new Record;
    record->next = records.load(std::memory_order_relaxed);
    // Seq_cst, not just release: has_passed() must see the record once the thread's first guard has
    // stored into it, for the same reason as (a) and (d).
    while (!records.compare_exchange_weak(record->next, record, std::memory_order_seq_cst,
                                          std::memory_order_relaxed)) {
    }
    mine = record;
  }
  // Seq_cst: pairs with the load of has_fence(). A writer that found no barrier there came before
  // this in the single order, and its (c) before every (b) of this thread. Under ThreadSanitizer
  // nobody has one: it does not know what the kernel does.
  mine->has_barrier =
      !TROUPE_THREAD_SANITIZER && barrier_of_all.load(std::memory_order_seq_cst) != nullptr;
  thread_local Detacher detacher;
  (void)detacher;
  return mine;
}

namespace {

// Sees to the barrier (m) of this stamp.
bool has_fence(std::uint64_t stamp) noexcept {
  const Barrier barrier = barrier_of_all.load(std::memory_order_seq_cst);
  if (!barrier) return true;
  // Acquire: pairs with the release below, so that (d) comes after that barrier.
  if (fenced.load(std::memory_order_acquire) > stamp) return true;
  // Acquire: pairs with (s), so that every (c) of an older stamp comes before the barrier.
  const std::uint64_t now = current.load(std::memory_order_acquire);
  if (!barrier()) return false;
  std::uint64_t before = fenced.load(std::memory_order_relaxed);
  while (before < now && !fenced.compare_exchange_weak(before, now, std::memory_order_release,
                                                       std::memory_order_relaxed)) {
  }
  return true;
}

}  // namespace

void use_barrier(Barrier barrier) noexcept {
  barrier_of_all.store(barrier, std::memory_order_seq_cst);
}

std::uint64_t stamp() noexcept { return current.fetch_add(1, std::memory_order_acq_rel); }

bool has_passed(std::uint64_t stamp) noexcept {
  if (!has_fence(stamp)) return false;
  for (Record* record = records.load(std::memory_order_seq_cst); record; record = record->next) {
    const std::uint64_t entered = record->entered.load(std::memory_order_seq_cst);
    if (entered != 0 && entered <= stamp) return false;
  }
  return true;
}

}  // namespace troupe::epoch
