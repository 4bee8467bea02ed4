// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include <troupe/key_table.hpp>

namespace troupe {

namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};

// So many that a scan, which visits whole shards, makes small steps even with a million keys, and
// that two threads rarely meet.
constexpr std::size_t shard_count = 4096;

}  // namespace

struct KeyTable::Shards {
  struct Shard {
    mutable std::shared_mutex lock;
    std::unordered_map<std::string, Pid, TextHash, std::equal_to<>> entries;
  };

  Shard& of(std::string_view key) {
    // The upper bits: the map inside uses the lower ones.
    return all[(TextHash{}(key) >> 40) % shard_count];
  }

  Shard all[shard_count];
};

KeyTable::KeyTable() : shards_{std::make_unique<Shards>()} {}
KeyTable::~KeyTable() = default;

Pid KeyTable::find(std::string_view key) const {
  const Shards::Shard& shard = shards_->of(key);
  const std::shared_lock guard{shard.lock};
  const auto found = shard.entries.find(key);
  return found == shard.entries.end() ? Pid{} : found->second;
}

bool KeyTable::insert(std::string_view key, Pid pid) { return replace(key, Pid{}, pid); }

bool KeyTable::replace(std::string_view key, Pid before, Pid pid) {
  Shards::Shard& shard = shards_->of(key);
  const std::unique_lock guard{shard.lock};
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) {
    if (before) return false;
    shard.entries.emplace(key, pid);
    return true;
  }
  if (found->second != before) return false;
  found->second = pid;
  return true;
}

bool KeyTable::erase(std::string_view key, Pid pid) {
  Shards::Shard& shard = shards_->of(key);
  const std::unique_lock guard{shard.lock};
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end() || found->second != pid) return false;
  shard.entries.erase(found);
  return true;
}

std::size_t KeyTable::size() const {
  std::size_t size = 0;
  for (const Shards::Shard& shard : shards_->all) {
    const std::shared_lock guard{shard.lock};
    size += shard.entries.size();
  }
  return size;
}

std::uint64_t KeyTable::scan(std::uint64_t cursor, std::size_t count, Visit visit,
                             void* context) const {
  std::size_t visited = 0;
  while (cursor < shard_count && visited < count) {
    const Shards::Shard& shard = shards_->all[cursor++];
    const std::shared_lock guard{shard.lock};
    for (const auto& [key, pid] : shard.entries) visit(context, key, pid);
    visited += shard.entries.size();
  }
  return cursor < shard_count ? cursor : 0;
}

}  // namespace troupe
