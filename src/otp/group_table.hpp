// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include <troupe/process.hpp>

#include "base/concurrent_map.hpp"
#include "base/flat_map.hpp"
#include "otp/node_directory.hpp"
#include "otp/term_hash.hpp"

namespace troupe::detail {

// The members of the groups of a scope: written by the scope's process alone, read by everybody. A
// group has a lock of its own, which readers share, because it may be large and changes in place.
class GroupTable {
 public:
  void add(const Term& group, Pid pid) {
    groups_.update(group, [pid](std::optional<std::shared_ptr<Group>>& held) {
      if (!held) held = std::make_shared<Group>();
      const std::unique_lock guard{(*held)->lock};
      ++(*held)->joins[Pid{pid}];
      ++(*held)->size;
    });
  }
  // Takes one join back. Whether the process is a member is known to the caller.
  void remove(const Term& group, Pid pid) {
    groups_.update(group, [pid](std::optional<std::shared_ptr<Group>>& held) {
      if (!held) return;
      bool is_empty = false;
      {
        const std::unique_lock guard{(*held)->lock};
        std::uint32_t* joins = (*held)->joins.find(pid);
        if (!joins) return;
        if (--*joins == 0) (*held)->joins.erase(pid);
        is_empty = --(*held)->size == 0;
      }
      if (is_empty) held.reset();
    });
  }

  std::vector<Pid> members(const Term& group) const {
    std::vector<Pid> pids;
    const std::shared_ptr<Group> held = groups_.find(group).value_or(nullptr);
    if (!held) return pids;
    const std::shared_lock guard{held->lock};
    pids.reserve(held->size);
    for (auto [pid, joins] : held->joins) pids.insert(pids.end(), joins, pid);
    return pids;
  }
  std::size_t count(const Term& group) const {
    const std::shared_ptr<Group> held = groups_.find(group).value_or(nullptr);
    if (!held) return 0;
    const std::shared_lock guard{held->lock};
    return held->size;
  }
  std::vector<Term> groups() const {
    std::vector<Term> names;
    groups_.for_each([&](const Term& name, const auto&) { names.push_back(name); });
    return names;
  }

 private:
  struct Group {
    mutable std::shared_mutex lock;
    FlatMap<Pid, std::uint32_t> joins;
    std::size_t size = 0;  // the sum of the joins
  };
  ConcurrentMap<Term, std::shared_ptr<Group>, TermHash> groups_;
};

}  // namespace troupe::detail
