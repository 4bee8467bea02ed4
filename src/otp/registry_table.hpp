// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/detail/end_duty.hpp>
#include <troupe/registry.hpp>

#include "base/concurrent_map.hpp"
#include "base/flat_map.hpp"
#include "otp/pid_brief.hpp"
#include "otp/secret_hash.hpp"
#include "otp/term_hash.hpp"

namespace troupe::detail {

// The entries of a registry, which processes read and write directly.
//
// A unique key holds one entry, in place: a lookup is lock-free, writes nothing that others read,
// and allocates nothing. Texts have a map of their own, because most keys are texts: it has their
// bytes in place too, and is asked without a term; who has a text of up to 16 bytes stands in the
// map's slot beside it. A duplicate key holds a bucket of its entries by
// process, with a lock of its own, because it may have very many and changes often. `owners_` says
// which keys a process is under, so that its end takes as long as it has entries.
//
// Writes to a key, and those to what is known of a process, happen one after the other under the
// map's own lock for that key. A process writes only its own entries, and its end takes them out
// before anybody can know of it: so whoever is found need not be asked whether it lives.
//
// Before, the cleaner that a process is linked to took them out when it heard of the end, and a
// look-up asked in an array of words by process whether the one that it had found lived still. That
// was a cache miss behind the others: 13.1 M look-ups/s of two readers among 100,000 names, and
// 16.8 without (medians of 6 runs in turn; 26.1 and 28.7 in an hour when the host's memory was
// quick).
class RegistryTable final : public EndDuty {
 public:
  RegistryTable(RegistryOptions options);

  Atom name() const noexcept { return options_.name.atom; }
  RegistryKeys kind() const noexcept { return options_.keys; }
  unsigned partitions() const noexcept { return options_.partitions; }
  const std::vector<Name>& listeners() const noexcept { return options_.listeners; }

  // Who cleans up after this process; null while that one is being restarted.
  Pid cleaner_of(Pid pid) const { return cleaners_.find(partition_of(pid)).value_or(Pid{}); }
  void set_cleaner(unsigned partition, Pid pid) { cleaners_.assign(partition, pid); }

  // The null pid, or who has the unique key already. `pid` has this table among its end duties.
  Pid add(const Term& key, Pid pid, const Term& value);
  std::vector<RegistryEntry> find(const Term& key) const;
  // A process of this node, on which the registry is.
  Pid holder(std::uint32_t node, const Term& key) const;
  [[gnu::always_inline]] Pid holder(std::uint32_t node, std::string_view text,
                                    const EpochGuard& guard) const {
    const std::optional<std::uint64_t> brief = texts_.find_brief(text, guard);
    return brief ? PidBrief::pid(node, *brief) : Pid{};
  }
  std::vector<Term> keys_of(Pid pid) const;
  // Whether it is under any key; costs the same however many those are.
  bool has_keys(Pid pid) const { return owners_.contains(pid); }

  using ValueTest = bool (*)(void* context, const Term& value);
  // Removes the process's entries under the key whose value fits (null: all). True: it is under no
  // key any more.
  bool remove(const Term& key, Pid pid, ValueTest fits, void* context, std::size_t& removed);
  // Removes everything of a process.
  void remove_all(Pid pid) noexcept;
  void ended(Pid pid) noexcept override { remove_all(pid); }
  // Removes everything of the processes of a partition, whose cleaner has crashed.
  void remove_partition(unsigned partition);

  using ValueChange = Term (*)(void* context, const Term& old);
  std::optional<std::pair<Term, Term>> change(const Term& key, Pid pid, ValueChange new_value,
                                              void* context);

  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  using Visit = void (*)(void* context, const Term& key, Pid pid, const Term& value);
  void for_each(Visit visit, void* context) const;

 private:
  struct Bucket {
    mutable std::shared_mutex
        lock;  // readers share it; the key's writers exclude each other anyway
    FlatMap<Pid, std::vector<Term>> values;
  };
  struct Owner {
    mutable std::mutex lock;
    FlatMap<Term, std::uint32_t, TermHash> keys;  // how often under each
  };

  std::uint32_t partition_of(Pid pid) const noexcept {
    return static_cast<std::uint32_t>(Hash<Pid>{}(pid) % options_.partitions);
  }
  Pid add_unique(const Term& key, Pid pid, const Term& value);
  std::size_t remove_unique(const Term& key, Pid pid, ValueTest fits, void* context);
  void add_duplicate(const Term& key, Pid pid, const Term& value);
  std::size_t remove_duplicate(const Term& key, Pid pid, ValueTest fits, void* context);
  void note(Pid pid, const Term& key);
  // True: under no key any more.
  bool unnote(Pid pid, const Term& key, std::uint32_t times) noexcept;

  RegistryOptions options_;
  // use(map, key) with the map that has the unique key, and what it is asked with.
  template <class Self, class Use>
  static auto with_unique(Self& self, const Term& key, Use&& use) {
    if (const auto text = key.as_binary()) return use(self.texts_, *text);
    return use(self.unique_, key);
  }

  // Unique keys that are texts, which may be names that came from outside; and the others.
  ConcurrentMap<std::string, RegistryEntry, TextHash, PidBrief> texts_{secret_hash()};
  ConcurrentMap<Term, RegistryEntry, TermHash> unique_;
  ConcurrentMap<Term, std::shared_ptr<Bucket>, TermHash> duplicate_;
  ConcurrentMap<Pid, std::shared_ptr<Owner>> owners_;
  ConcurrentMap<std::uint32_t, Pid> cleaners_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace troupe::detail
