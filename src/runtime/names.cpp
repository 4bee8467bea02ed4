// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "runtime/names.hpp"

#include "runtime/runtime_state.hpp"

namespace troupe::detail {

namespace {

std::uint64_t word_of(Pid pid) noexcept {
  return static_cast<std::uint64_t>(pid.generation()) << 32 | pid.index();
}

Pid pid_of(std::uint32_t node, std::uint64_t word) noexcept {
  if (word == 0) return Pid{};
  return Pid{node, static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(word >> 32)};
}

}  // namespace

NameTable::~NameTable() {
  for (auto& page : pages_) delete[] page.load(std::memory_order_relaxed);
}

NameTable::Slot* NameTable::slot(Atom name) const noexcept {
  // Acquire: pairs with insert's publication of a zeroed page.
  Slot* page = pages_[name.index() / page_size].load(std::memory_order_acquire);
  return page ? page + name.index() % page_size : nullptr;
}

Pid NameTable::find(Atom name) const noexcept {
  const Slot* found = slot(name);
  // Acquire: pairs with insert, so that what the process did before it took the name is seen.
  return found ? pid_of(node_, found->load(std::memory_order_acquire)) : Pid{};
}

bool NameTable::insert(Atom name, Pid pid) {
  auto& page = pages_[name.index() / page_size];
  if (!page.load(std::memory_order_acquire)) {
    auto* fresh = new Slot[page_size]{};
    Slot* expected = nullptr;
    if (!page.compare_exchange_strong(expected, fresh, std::memory_order_acq_rel)) delete[] fresh;
  }
  std::uint64_t nobody = 0;
  return slot(name)->compare_exchange_strong(nobody, word_of(pid), std::memory_order_seq_cst);
}

bool NameTable::erase(Atom name, Pid pid) noexcept {
  Slot* found = slot(name);
  std::uint64_t mine = word_of(pid);
  return found && found->compare_exchange_strong(mine, 0, std::memory_order_seq_cst);
}

std::vector<std::pair<Atom, Pid>> NameTable::all() const {
  std::vector<std::pair<Atom, Pid>> result;
  for (std::size_t page = 0; page < page_count; ++page) {
    const Slot* slots = pages_[page].load(std::memory_order_acquire);
    for (std::size_t i = 0; slots && i < page_size; ++i) {
      if (const std::uint64_t word = slots[i].load(std::memory_order_relaxed)) {
        result.emplace_back(Atom::from_index(static_cast<std::uint32_t>(page * page_size + i)),
                            pid_of(node_, word));
      }
    }
  }
  return result;
}

// A name can be given by any process while its new owner is ending. Both sides write first and look
// second, all sequentially consistent: the giver writes the table and then looks whether the inbox
// is closed; the ending process closes its inbox and then looks at its name. So at least one of
// them sees the other and takes the entry out again.
bool name_process(RuntimeState& runtime, Atom name, Pid pid) {
  Block* block = slot_of(pid);
  if (!block || block->inbox.is_closed() || block->generation.load() != pid.generation()) {
    return false;
  }
  std::uint32_t none = 0;
  if (!block->name.compare_exchange_strong(none, name.index())) return false;
  std::uint32_t mine = name.index();
  if (!runtime.names.insert(name, pid)) {
    block->name.compare_exchange_strong(mine, 0);
    return false;
  }
  if (block->inbox.is_closed() || block->generation.load() != pid.generation()) {
    runtime.names.erase(name, pid);
    block->name.compare_exchange_strong(mine, 0);
    return false;
  }
  return true;
}

bool unname_process(RuntimeState& runtime, Atom name) noexcept {
  const Pid pid = runtime.names.find(name);
  if (!pid || !runtime.names.erase(name, pid)) return false;
  std::uint32_t mine = name.index();
  slot_of(pid)->name.compare_exchange_strong(mine, 0);
  return true;
}

}  // namespace troupe::detail
