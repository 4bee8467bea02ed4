// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/epoch.hpp"

namespace troupe::epoch {

namespace {

constinit std::atomic<Record*> records{nullptr};

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
  thread_local Detacher detacher;
  (void)detacher;
  return mine;
}

std::uint64_t stamp() noexcept { return current.fetch_add(1, std::memory_order_acq_rel); }

bool has_passed(std::uint64_t stamp) noexcept {
  for (Record* record = records.load(std::memory_order_seq_cst); record; record = record->next) {
    const std::uint64_t entered = record->entered.load(std::memory_order_seq_cst);
    if (entered != 0 && entered <= stamp) return false;
  }
  return true;
}

}  // namespace troupe::epoch
