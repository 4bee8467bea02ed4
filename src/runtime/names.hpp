// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include <troupe/atom.hpp>
#include <troupe/pid.hpp>

namespace troupe::detail {

// The registered names of one node: a sparse array by atom, so that a look-up is two loads and no
// lock, and registering is one compare-and-swap (of rivals for a name one wins). A word is the
// pid's index and generation; 0 is nobody.
class NameTable {
 public:
  explicit NameTable(std::uint32_t node) noexcept : node_{node} {}
  ~NameTable();
  NameTable(const NameTable&) = delete;

  Pid find(Atom name) const noexcept;
  // False: somebody has it.
  bool insert(Atom name, Pid pid);
  // False: `pid` does not have it.
  bool erase(Atom name, Pid pid) noexcept;

  std::vector<std::pair<Atom, Pid>> all() const;

 private:
  static constexpr std::size_t page_size = 4096;
  static constexpr std::size_t page_count = Atom::max_atoms / page_size;
  using Slot = std::atomic<std::uint64_t>;

  Slot* slot(Atom name) const noexcept;

  std::uint32_t node_;
  std::atomic<Slot*> pages_[page_count]{};
};

struct RuntimeState;

// Gives the process the name. False: the name is taken, the process has one, or it is gone.
bool name_process(RuntimeState& runtime, Atom name, Pid pid);
// Takes the name from whoever has it. False: nobody has it.
bool unname_process(RuntimeState& runtime, Atom name) noexcept;

}  // namespace troupe::detail
