// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A Supervisor whose children note their pids in a table as they are started. The supervisor's
// specifications own the table, and so it is known for as long as the supervisor lives.
#include <atomic>

#include <troupe/detail/caller_place.hpp>
#include <troupe/partition_supervisor.hpp>
#include <troupe/runtime.hpp>

#include "otp/node_directory.hpp"
#include "otp/supervisor_server.hpp"

namespace troupe {

namespace detail {
namespace {

class PartitionTable;
struct PartitionEntry {
  std::weak_ptr<PartitionTable> table;
};
NodeDirectory<PartitionEntry>& partition_directory() {
  // Never destroyed: supervisors of other threads' nodes may outlive main.
  static auto& directory = *new NodeDirectory<PartitionEntry>;
  return directory;
}

class PartitionTable : public std::enable_shared_from_this<PartitionTable> {
 public:
  PartitionTable(Atom name, std::size_t size) : name_{name}, pids_(size) {}
  PartitionTable(const PartitionTable&) = delete;
  ~PartitionTable() {
    if (entry_) partition_directory().remove(node_, name_, entry_.get());
  }

  // Runs in the supervisor, which has the name by then: no other table stands under it.
  void set(unsigned partition, Pid pid) {
    // Pairs with the acquiring load in `at`: who sees the pid sees what was done before it.
    const std::uint64_t value = std::uint64_t{pid.index()} << 32 | pid.generation();
    pids_[partition].store(value, std::memory_order_release);
    if (entry_) return;
    node_ = pid.node();
    entry_ = std::make_shared<PartitionEntry>(PartitionEntry{weak_from_this()});
    partition_directory().put(node_, name_, entry_);
  }
  Pid at(std::size_t partition) const {
    const std::uint64_t value = pids_[partition].load(std::memory_order_acquire);
    return value == 0 ? Pid{}
                      : Pid{node_, static_cast<std::uint32_t>(value >> 32),
                            static_cast<std::uint32_t>(value)};
  }
  std::size_t size() const noexcept { return pids_.size(); }

 private:
  Atom name_;
  std::vector<std::atomic<std::uint64_t>> pids_;
  std::uint32_t node_ = 0;
  std::shared_ptr<PartitionEntry> entry_;
};

class PartitionChild final : public ChildStart {
 public:
  PartitionChild(Shared<const ChildStart> child, std::shared_ptr<PartitionTable> table,
                 unsigned partition)
      : child_{std::move(child)}, table_{std::move(table)}, partition_{partition} {}
  Async<StartOutcome> start(Process& supervisor, StartName name) const override {
    StartOutcome outcome = co_await child_->start(supervisor, std::move(name));
    if (outcome.pid) table_->set(partition_, outcome.pid);
    co_return outcome;
  }
  bool can_keep_mailbox() const noexcept override { return child_->can_keep_mailbox(); }
  bool can_have_via() const noexcept override { return child_->can_have_via(); }

 private:
  Shared<const ChildStart> child_;
  std::shared_ptr<PartitionTable> table_;
  unsigned partition_;
};

Children with_table(Name name, Children partitions) {
  const auto table = std::make_shared<PartitionTable>(name.atom, partitions.size());
  unsigned number = 0;
  for (ChildSpec& spec : partitions) {
    auto start = share<PartitionChild>(spec.start(), table, number);
    spec.id(number++).start(std::move(start));
  }
  return partitions;
}

Children copies(Process& self, const PartitionSupervisorOptions& options, const ChildSpec& each) {
  return Children(options.partitions ? options.partitions : self.runtime().workers(), each);
}

SupervisorOptions supervisor_options(const PartitionSupervisorOptions& options) {
  return {.strategy = options.strategy,
          .max_restarts = options.max_restarts,
          .max_seconds = options.max_seconds,
          .name = options.name};
}

// The table is new at each start, and so are the specifications that own it.
class PartitionsStart final : public ChildStart {
 public:
  PartitionsStart(PartitionSupervisorOptions options, Children partitions, bool are_copies)
      : options_{options}, partitions_{std::move(partitions)}, are_copies_{are_copies} {}
  Async<StartOutcome> start(Process& self, StartName name) const override {
    if (name.name != atoms::undefined && name.name != options_.name.atom) {
      return refused_start("bad_name", "the name of a partition supervisor is in its options");
    }
    Children all = are_copies_ ? copies(self, options_, partitions_[0]) : partitions_;
    return start_supervisor(self, with_table(options_.name, std::move(all)),
                            supervisor_options(options_));
  }

 private:
  PartitionSupervisorOptions options_;
  Children partitions_;
  bool are_copies_;
};

std::shared_ptr<PartitionTable> table_of(Name name) {
  const std::shared_ptr<PartitionEntry> entry = partition_directory().find(name.atom);
  std::shared_ptr<PartitionTable> table = entry ? entry->table.lock() : nullptr;
  if (!table) {
    throw ErrorException{tuple(
        {atoms::badarg, tuple({Term{Atom{"unknown_partition_supervisor"}}, Term{name.atom}})})};
  }
  return table;
}

std::size_t partition_of(const Term& key, std::size_t count) {
  if (const std::optional<std::int64_t> number = key.as_int()) {
    const auto bits = static_cast<std::uint64_t>(*number);
    return (*number < 0 ? 0 - bits : bits) % count;
  }
  return phash2(key, count);
}

}  // namespace
}  // namespace detail

Async<ServerRef<Supervisor>> PartitionSupervisor::start_link(Process& self,
                                                             PartitionSupervisorOptions options,
                                                             ChildSpec each) {
  return start_link(self, options, detail::copies(self, options, each));
}

Async<ServerRef<Supervisor>> PartitionSupervisor::start_link(Process& self,
                                                             PartitionSupervisorOptions options,
                                                             Children partitions) {
  const detail::CallerPlace place{self};
  co_return co_await place(
      Supervisor::start_link(self, detail::with_table(options.name, std::move(partitions)),
                             detail::supervisor_options(options)));
}

ChildSpec PartitionSupervisor::spec(PartitionSupervisorOptions options, ChildSpec each) {
  return ChildSpec{options.name.atom, ChildType::supervisor,
                   detail::share<detail::PartitionsStart>(options, Children(1, each), true)};
}

ChildSpec PartitionSupervisor::spec(PartitionSupervisorOptions options, Children partitions) {
  return ChildSpec{options.name.atom, ChildType::supervisor,
                   detail::share<detail::PartitionsStart>(options, std::move(partitions), false)};
}

Pid PartitionSupervisor::whereis(Name name, RegistryKey key) {
  const auto table = detail::table_of(name);
  return table->at(detail::partition_of(key.term, table->size()));
}

unsigned PartitionSupervisor::partitions(Name name) {
  return static_cast<unsigned>(detail::table_of(name)->size());
}

}  // namespace troupe
