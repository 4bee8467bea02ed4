// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "otp/registry_table.hpp"

namespace troupe::detail {

RegistryTable::RegistryTable(RegistryOptions options) : options_{std::move(options)} {
  if (options_.partitions == 0) options_.partitions = 1;
}

// --- What is known of a process.

void RegistryTable::note(Pid pid, const Term& key) {
  owners_.update(pid, [&](std::optional<std::shared_ptr<Owner>>& owner) {
    if (!owner) owner = std::make_shared<Owner>();
    const std::lock_guard guard{(*owner)->lock};
    ++(*owner)->keys[Term{key}];
  });
}

bool RegistryTable::unnote(Pid pid, const Term& key, std::uint32_t times) {
  return owners_.update(pid, [&](std::optional<std::shared_ptr<Owner>>& owner) {
    if (!owner) return true;
    const std::lock_guard guard{(*owner)->lock};
    if (std::uint32_t* count = (*owner)->keys.find(key)) {
      if (*count <= times) {
        (*owner)->keys.erase(key);
      } else {
        *count -= times;
      }
    }
    const bool none_left = (*owner)->keys.empty();
    return none_left;
  });
}

std::vector<Term> RegistryTable::keys_of(Pid pid) const {
  std::vector<Term> keys;
  const std::shared_ptr<Owner> owner = owners_.find(pid).value_or(nullptr);
  if (!owner) return keys;
  const std::lock_guard guard{owner->lock};
  for (auto [key, count] : owner->keys) keys.insert(keys.end(), count, key);
  return keys;
}

// --- Entries.

Pid RegistryTable::add(const Term& key, Pid pid, const Term& value, Pid replaces) {
  if (kind() == RegistryKeys::unique) {
    if (const Pid holder = add_unique(key, pid, value, replaces)) return holder;
  } else {
    add_duplicate(key, pid, value);
  }
  note(pid, key);
  return Pid{};
}

Pid RegistryTable::add_unique(const Term& key, Pid pid, const Term& value, Pid replaces) {
  return with_unique(*this, key, [&](auto& map, const auto& wanted) {
    return map.update(wanted, [&](std::optional<RegistryEntry>& entry) {
      if (entry && entry->pid != replaces) return entry->pid;
      if (!entry) size_.fetch_add(1, std::memory_order_relaxed);
      entry = RegistryEntry{pid, value};
      return Pid{};
    });
  });
}

void RegistryTable::add_duplicate(const Term& key, Pid pid, const Term& value) {
  duplicate_.update(key, [&](std::optional<std::shared_ptr<Bucket>>& bucket) {
    if (!bucket) bucket = std::make_shared<Bucket>();
    const std::unique_lock guard{(*bucket)->lock};
    (*bucket)->values[Pid{pid}].push_back(value);
  });
  size_.fetch_add(1, std::memory_order_relaxed);
}

// While the entry of a dead holder is being replaced, a text's slot still has the dead one, for
// which holder() finds nobody; so this must not find the new one yet, or whoever asks both would
// see it come and go.
std::optional<RegistryEntry> RegistryTable::find_unique(const Term& key) const {
  const auto text = key.as_binary();
  if (!text) return unique_.find(key);
  const std::optional<std::uint64_t> holder = texts_.find_brief(*text);
  std::optional<RegistryEntry> entry = texts_.find(*text);
  if (entry && PidBrief::of(*entry) != holder) entry = std::nullopt;
  return entry;
}

// Whoever knows of a holder's end must not be told that it has the key, though its cleaner may not
// have come to it yet: hence noted_life.
std::vector<RegistryEntry> RegistryTable::find(const Term& key) const {
  std::vector<RegistryEntry> entries;
  if (kind() == RegistryKeys::unique) {
    std::optional<RegistryEntry> entry = find_unique(key);
    if (entry && noted_life(entry->pid)) entries.push_back(std::move(*entry));
    return entries;
  }
  const std::shared_ptr<Bucket> bucket = duplicate_.find(key).value_or(nullptr);
  if (!bucket) return entries;
  const std::shared_lock guard{bucket->lock};
  for (auto [pid, values] : bucket->values) {
    for (const Term& value : values) entries.push_back(RegistryEntry{pid, value});
  }
  return entries;
}

Pid RegistryTable::holder(std::uint32_t node, const Term& key) const {
  if (const auto text = key.as_binary()) return holder(node, *text, EpochGuard{});
  Pid pid;
  unique_.visit(key, [&pid](const RegistryEntry& entry) { pid = entry.pid; });
  return pid && noted_life(pid) ? pid : Pid{};
}

std::size_t RegistryTable::remove_unique(const Term& key, Pid pid, ValueTest fits, void* context) {
  return with_unique(*this, key, [&](auto& map, const auto& wanted) {
    return map.erase_if(wanted, [&](const RegistryEntry& entry) {
      return entry.pid == pid && (!fits || fits(context, entry.value));
    });
  });
}

std::size_t RegistryTable::remove_duplicate(const Term& key, Pid pid, ValueTest fits,
                                            void* context) {
  return duplicate_.update(key, [&](std::optional<std::shared_ptr<Bucket>>& bucket) {
    std::size_t removed = 0;
    if (!bucket) return removed;
    const std::shared_ptr<Bucket> held = *bucket;
    const std::unique_lock guard{held->lock};
    if (std::vector<Term>* values = held->values.find(pid)) {
      const std::size_t before = values->size();
      std::erase_if(*values, [&](const Term& value) { return !fits || fits(context, value); });
      removed = before - values->size();
      if (values->empty()) held->values.erase(pid);
    }
    if (held->values.empty()) bucket = std::nullopt;
    return removed;
  });
}

bool RegistryTable::remove(const Term& key, Pid pid, ValueTest fits, void* context,
                           std::size_t& removed) {
  removed = kind() == RegistryKeys::unique ? remove_unique(key, pid, fits, context)
                                           : remove_duplicate(key, pid, fits, context);
  size_.fetch_sub(removed, std::memory_order_relaxed);
  const bool none_left = unnote(pid, key, static_cast<std::uint32_t>(removed));
  if (none_left) owners_.erase(pid);
  return none_left;
}

void RegistryTable::remove_all(Pid pid) {
  const std::shared_ptr<Owner> owner = owners_.erase(pid).value_or(nullptr);
  if (!owner) return;
  const std::lock_guard guard{owner->lock};
  std::size_t removed = 0;
  for (auto [key, count] : owner->keys) {
    removed += kind() == RegistryKeys::unique ? remove_unique(key, pid, nullptr, nullptr)
                                              : remove_duplicate(key, pid, nullptr, nullptr);
  }
  size_.fetch_sub(removed, std::memory_order_relaxed);
}

void RegistryTable::remove_partition(unsigned partition) {
  std::vector<Pid> pids;
  owners_.for_each([&](const Pid& pid, const std::shared_ptr<Owner>&) {
    if (partition_of(pid) == partition) pids.push_back(pid);
  });
  for (const Pid pid : pids) remove_all(pid);
}

std::optional<std::pair<Term, Term>> RegistryTable::change(const Term& key, Pid pid,
                                                           ValueChange change, void* context) {
  return with_unique(*this, key, [&](auto& map, const auto& wanted) {
    return map.update(wanted, [&](std::optional<RegistryEntry>& entry) {
      std::optional<std::pair<Term, Term>> changed;
      if (entry && entry->pid == pid) {
        Term old = entry->value;
        entry->value = change(context, old);
        changed.emplace(entry->value, std::move(old));
      }
      return changed;
    });
  });
}

void RegistryTable::for_each(Visit visit, void* context) const {
  texts_.for_each([&](std::string_view text, const RegistryEntry& entry) {
    visit(context, Term::binary(text), entry.pid, entry.value);
  });
  unique_.for_each([&](const Term& key, const RegistryEntry& entry) {
    visit(context, key, entry.pid, entry.value);
  });
  duplicate_.for_each([&](const Term& key, const std::shared_ptr<Bucket>& bucket) {
    const std::shared_lock guard{bucket->lock};
    for (auto [pid, values] : bucket->values) {
      for (const Term& value : values) visit(context, key, pid, value);
    }
  });
}

}  // namespace troupe::detail
