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

bool RegistryTable::unnote(Pid pid, const Term& key, std::uint32_t times) noexcept {
  const std::shared_ptr<Owner> owner = owners_.find(pid).value_or(nullptr);
  if (!owner) return true;
  {
    const std::lock_guard guard{owner->lock};
    if (std::uint32_t* count = owner->keys.find(key)) {
      if (*count <= times) {
        owner->keys.erase(key);
      } else {
        *count -= times;
      }
    }
    if (!owner->keys.empty()) return false;
  }
  owners_.erase(pid);
  return true;
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

Pid RegistryTable::add(const Term& key, Pid pid, const Term& value) {
  if (kind() == RegistryKeys::unique) {
    if (const Pid holder = add_unique(key, pid, value)) return holder;
  } else {
    add_duplicate(key, pid, value);
  }
  // Not before: what a cleaner's crash takes out, entry and note, may be this process's.
  try {
    note(pid, key);
  } catch (...) {
    std::size_t removed = 0;
    remove(key, pid, nullptr, nullptr, removed);
    throw;
  }
  return Pid{};
}

Pid RegistryTable::add_unique(const Term& key, Pid pid, const Term& value) {
  return with_unique(*this, key, [&](auto& map, const auto& wanted) {
    return map.update(wanted, [&](std::optional<RegistryEntry>& entry) {
      if (entry) return entry->pid;
      size_.fetch_add(1, std::memory_order_relaxed);
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

std::vector<RegistryEntry> RegistryTable::find(const Term& key) const {
  std::vector<RegistryEntry> entries;
  if (kind() == RegistryKeys::unique) {
    std::optional<RegistryEntry> entry = with_unique(
        *this, key, [](const auto& map, const auto& wanted) { return map.find(wanted); });
    if (entry) entries.push_back(std::move(*entry));
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
  return pid;
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
  const std::shared_ptr<Bucket> bucket = duplicate_.find(key).value_or(nullptr);
  if (!bucket) return 0;
  std::size_t removed = 0;
  {
    const std::unique_lock guard{bucket->lock};
    std::vector<Term>* values = bucket->values.find(pid);
    if (!values) return 0;
    const std::size_t before = values->size();
    std::erase_if(*values, [&](const Term& value) { return !fits || fits(context, value); });
    removed = before - values->size();
    if (!values->empty()) return removed;
    bucket->values.erase(pid);
    if (!bucket->values.empty()) return removed;
  }
  // Unless somebody has come under the key meanwhile.
  duplicate_.erase_if(key, [](const std::shared_ptr<Bucket>& last) {
    const std::shared_lock guard{last->lock};
    return last->values.empty();
  });
  return removed;
}

bool RegistryTable::remove(const Term& key, Pid pid, ValueTest fits, void* context,
                           std::size_t& removed) {
  removed = kind() == RegistryKeys::unique ? remove_unique(key, pid, fits, context)
                                           : remove_duplicate(key, pid, fits, context);
  size_.fetch_sub(removed, std::memory_order_relaxed);
  return unnote(pid, key, static_cast<std::uint32_t>(removed));
}

void RegistryTable::remove_all(Pid pid) noexcept {
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
                                                           ValueChange new_value, void* context) {
  return with_unique(*this, key, [&](auto& map, const auto& wanted) {
    return map.update(wanted, [&](std::optional<RegistryEntry>& entry) {
      std::optional<std::pair<Term, Term>> changed;
      if (entry && entry->pid == pid) {
        Term old = entry->value;
        entry->value = new_value(context, old);
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
