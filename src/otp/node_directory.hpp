// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

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
  // use(T*, node, guard) for a look-up that counts no reference, because everybody who looks up at
  // the same time would write to that count. The entry stays as long as `use` runs, which must not
  // wait.
  template <class Use>
  [[gnu::always_inline]] auto visit(Atom name, Use&& use) const {
    const std::uint32_t node = current_node();
    const EpochGuard guard;
    return use(find_last(key(node, name)), node, guard);
  }
  void put(std::uint32_t node, Atom name, std::shared_ptr<T> entry) {
    const Change change{*this};
    entries_.assign(key(node, name), std::move(entry));
  }
  // False: there is one of that name.
  bool add(std::uint32_t node, Atom name, std::shared_ptr<T> entry) {
    return entries_.insert_if_absent(key(node, name), std::move(entry));
  }
  // Only if it is still this one.
  void remove(std::uint32_t node, Atom name, const T* entry) {
    const Change change{*this};
    entries_.erase_if(key(node, name),
                      [entry](const std::shared_ptr<T>& held) { return held.get() == entry; });
  }

 private:
  // What a thread has visited last. Most threads visit one entry again and again, and to find it
  // was half of a registry's look-up.
  struct Last {
    const NodeDirectory* directory = nullptr;
    std::uint64_t key = 0;
    std::uint64_t changes = 0;
    T* entry = nullptr;
  };
  // Makes `changes_` odd while an entry may be taken out, and another number afterwards. One at a
  // time, because an entry may go only while the number is odd.
  struct Change {
    explicit Change(NodeDirectory& directory) : directory_{directory}, guard_{directory.lock_} {
      directory_.changes_.fetch_add(1, std::memory_order_seq_cst);
    }
    Change(const Change&) = delete;
    ~Change() { directory_.changes_.fetch_add(1, std::memory_order_seq_cst); }
    NodeDirectory& directory_;
    std::lock_guard<std::mutex> guard_;
  };

  // Under the caller's guard. The load of `changes_` that finds the number of Last is a (b) of
  // epoch.hpp, and the step to the odd number, before the entry goes, is its (c): both are seq_cst.
  // Last is written only if the number was even and the same before and after the search.
  T* find_last(std::uint64_t key) const {
    const std::uint64_t changes = changes_.load(std::memory_order_seq_cst);
    if (last_.changes == changes && last_.key == key && last_.directory == this) {
      return last_.entry;
    }
    return find_anew(key, changes);
  }
  [[gnu::noinline]] T* find_anew(std::uint64_t key, std::uint64_t changes) const {
    T* entry = nullptr;
    entries_.visit(key, [&](const std::shared_ptr<T>& held) { entry = held.get(); });
    if (entry && changes % 2 == 0 && changes_.load(std::memory_order_seq_cst) == changes) {
      last_ = Last{this, key, changes, entry};
    }
    return entry;
  }

  static std::uint64_t key(std::uint32_t node, Atom name) noexcept {
    return std::uint64_t{node} << 32 | name.index();
  }
  static std::uint32_t current_node() { return calling_node(); }

  ConcurrentMap<std::uint64_t, std::shared_ptr<T>> entries_;
  std::mutex lock_;
  std::atomic<std::uint64_t> changes_{0};
  static inline constinit thread_local Last last_{};
};

}  // namespace troupe::detail
