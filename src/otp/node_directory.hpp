// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <memory>

#include <troupe/detail/calling_process.hpp>
#include <troupe/process.hpp>

#include "base/concurrent_map.hpp"

namespace troupe::detail {

// What the processes of a node find under a name without asking anybody: the shared half of a
// behaviour that is read from everywhere (the table of a Registry). One for all nodes of the
// program, which does not mix them: the node is part of the key.
template <class T>
class NodeDirectory {
 public:
  // In a process: its own node's. Null where there is none.
  std::shared_ptr<T> find(Atom name) const {
    return entries_.find(key(current_node(), name)).value_or(nullptr);
  }
  // use(T*) for a look-up that counts no reference, because everybody who looks up at the same time
  // would write to that count. The entry stays as long as `use` runs, which must not wait.
  template <class Use>
  auto visit(Atom name, Use&& use) const {
    const EpochGuard guard;
    T* entry = nullptr;
    entries_.visit(key(current_node(), name),
                   [&](const std::shared_ptr<T>& held) { entry = held.get(); });
    return use(entry);
  }
  void put(std::uint32_t node, Atom name, std::shared_ptr<T> entry) {
    entries_.assign(key(node, name), std::move(entry));
  }
  // False: there is one of that name.
  bool add(std::uint32_t node, Atom name, std::shared_ptr<T> entry) {
    return entries_.insert_if_absent(key(node, name), std::move(entry));
  }
  // Only if it is still this one.
  void remove(std::uint32_t node, Atom name, const T* entry) {
    entries_.erase_if(key(node, name),
                      [entry](const std::shared_ptr<T>& held) { return held.get() == entry; });
  }

 private:
  static std::uint64_t key(std::uint32_t node, Atom name) noexcept {
    return std::uint64_t{node} << 32 | name.index();
  }
  static std::uint32_t current_node() { return calling_process().pid().node(); }

  ConcurrentMap<std::uint64_t, std::shared_ptr<T>> entries_;
};

}  // namespace troupe::detail
