// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/disk_table.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/assert.hpp"
#include "storage/crc32c.hpp"
#include "storage/fault.hpp"
#include "storage/log_format.hpp"
#include "storage/log_snapshot.hpp"

namespace troupe::storage::log {
namespace {

std::uint32_t checksum(const Change& put) {
  const std::uint32_t head = crc32c(put_head(put.key.size(), put.value.size()));
  return crc32c(put.value, crc32c(put.key, head));
}

}  // namespace

DiskTable::FileNumber DiskTable::add(LogFilePtr file) {
  const auto free = std::ranges::find(files_, nullptr);
  const auto number = static_cast<FileNumber>(free - files_.begin());
  TROUPE_ASSERT(number < 1U << 20, "more files are open than a process can have");
  if (free == files_.end()) {
    files_.push_back(std::move(file));
  } else {
    *free = std::move(file);
  }
  return number;
}

void DiskTable::begin_file(LogFilePtr file) { order_.push_back(add(std::move(file))); }

void DiskTable::apply(const Change& change, std::uint64_t offset) {
  const std::uint64_t hash = hash_of(change.key);
  Slot* const before = slot_of(change.key, hash);
  if (change.removal) {
    if (before) index_.erase(*before);
    return;
  }
  const Slot slot{hash, Place{order_.back(), offset},
                  static_cast<std::uint32_t>(encoded_size(change)), checksum(change)};
  if (before) {
    *before = slot;
  } else {
    index_.insert(slot);
  }
}

Slot* DiskTable::slot_of(std::string_view key, std::uint64_t hash) {
  for (Slot& slot : index_.find(hash)) {
    if (is_of(slot, key)) return &slot;
  }
  return nullptr;
}

Slot* DiskTable::slot_at(std::uint64_t hash, Place place) {
  for (Slot& slot : index_.find(hash)) {
    if (slot.place == place) return &slot;
  }
  return nullptr;
}

// For writing: true as well of an entry that can no longer be read. Its hash is the key's, so it is
// the key's but for one case in 2^64, and replacing it loses nothing that anybody could get.
bool DiskTable::is_of(const Slot& slot, std::string_view key) {
  const std::size_t begin = put_head_bytes + key.size();
  if (slot.length >= begin) {
    std::string wanted = put_head(key.size(), slot.length - begin);
    wanted += key;
    std::string found(begin, '\0');
    const auto count = files_[slot.place.file()]->file->read(slot.place.offset(), found);
    if (count && *count == begin && found == wanted) return true;
  }
  std::string bytes;
  return !read(slot, bytes).has_value();
}

// The entry, which views `into`.
Result<Change> DiskTable::read(const Slot& slot, std::string& into) const {
  const LogFile& file = *files_[slot.place.file()];
  into.resize(slot.length);
  const auto count = file.file->read(slot.place.offset(), into);
  if (!count) return failure(count.error(), "read", file.path);
  PayloadReader entry{into};
  if (*count == slot.length && crc32c(into) == slot.crc &&
      entry.next() == PayloadReader::Item::change) {
    return entry.change();
  }
  return std::unexpected(damaged_file(file.path, slot.place.offset(), "an entry"));
}

Result<std::optional<std::string>> DiskTable::get(std::string_view key) {
  for (const Slot& slot : index_.find(hash_of(key))) {
    std::string bytes;
    const auto entry = read(slot, bytes);
    if (!entry) return std::unexpected(entry.error());
    if (entry->key == key) return bytes.substr(bytes.size() - entry->value.size());
  }
  return std::nullopt;
}

// Calls visitor(put, place) for every put, current or not; false stops.
template <class Visitor>
Result<void> DiskTable::walk(const Visitor& visitor) {
  for (FileNumber number = 0; number < files_.size(); ++number) {
    if (!files_[number]) continue;
    LogWalk walk{files_[number]};
    for (;;) {
      const auto more = walk.next();
      if (!more) return std::unexpected(more.error());
      if (!*more) break;
      if (!visitor(walk.put(), Place{number, walk.offset()})) return {};
    }
  }
  return {};
}

// Beside the places of what is current, in the order in which they are walked over: to look each
// put up in the index instead is a hash and a miss of the processor's caches for each, which was a
// tenth of all that Greenroom did when it started.
Result<void> DiskTable::sweep(Visit visitor, void* object) {
  const std::vector<Place> current = index_.places();
  auto next = current.begin();
  return walk([&](const Change& put, Place place) {
    while (next != current.end() && *next < place) ++next;
    if (next == current.end() || *next != place) return true;
    ++next;
    return visitor(object, put.key, put.value);
  });
}

Result<void> DiskTable::visit(const Scan& scan, Visit visitor, void* object) {
  struct Found {
    std::string key;
    Slot slot;
  };
  std::vector<Found> all;
  auto walked = walk([&](const Change& put, Place place) {
    const bool is_wanted =
        put.key.starts_with(scan.prefix) && (!scan.after || put.key > *scan.after);
    const Slot* slot = is_wanted ? slot_at(hash_of(put.key), place) : nullptr;
    if (slot) all.push_back({std::string{put.key}, *slot});
    return true;
  });
  if (!walked) return walked;
  std::ranges::sort(all, {}, &Found::key);
  std::string bytes;
  for (const Found& found : all) {
    std::string_view value;
    if (scan.with_values) {
      const auto entry = read(found.slot, bytes);
      if (!entry) return std::unexpected(entry.error());
      value = entry->value;
    }
    if (!visitor(object, found.key, value)) break;
  }
  return {};
}

// In the order of the hashes, which no write changes. The place to go on from is the hash.
Result<Portion> DiskTable::portion(const std::optional<std::string>& from, std::size_t limit) {
  std::uint64_t begin = 0;
  if (from) std::from_chars(from->data(), from->data() + from->size(), begin);
  std::vector<Slot> slots = index_.from(begin, limit);
  Portion portion;
  if (slots.size() >= limit && slots.back().hash != UINT64_MAX) {
    portion.next = std::to_string(slots.back().hash + 1);
  }
  std::ranges::sort(slots, {}, &Slot::place);
  std::string bytes;
  for (const Slot& slot : slots) {
    const auto entry = read(slot, bytes);
    if (!entry) return std::unexpected(entry.error());
    portion.entries.push_back({std::string{entry->key}, std::string{entry->value}});
  }
  return portion;
}

void DiskTable::begin_snapshot(LogFilePtr file) {
  old_.assign(order_.begin(), order_.end() - 1);
  snapshot_ = add(std::move(file));
  copying_ = 0;
}

Result<bool> DiskTable::copy(SnapshotWriter& snapshot, std::uint64_t bytes) {
  // What is passed over counts too: a slice is short even where everything is history.
  for (std::uint64_t passed = 0; passed < bytes;) {
    if (!walk_) {
      if (copying_ == old_.size()) return true;
      walk_.emplace(files_[old_[copying_]]);
    }
    const auto more = walk_->next();
    if (!more) return std::unexpected(more.error());
    if (!*more) {
      walk_.reset();
      ++copying_;
      continue;
    }
    const Change& put = walk_->put();
    passed += encoded_size(put);
    const std::uint64_t hash = hash_of(put.key);
    const Place from{old_[copying_], walk_->offset()};
    if (!slot_at(hash, from)) continue;
    const auto to = snapshot.add(put);
    if (!to) return failure(to.error(), "write snapshot", snapshot.path());
    moves_.push_back({hash, from, Place{*snapshot_, *to}});
    make_moves();
  }
  return false;
}

// Of entries that are in the file by now, and have not been changed since they were copied.
void DiskTable::make_moves() {
  const Place end{*snapshot_, files_[*snapshot_]->end};
  for (; !moves_.empty() && moves_.front().to < end; moves_.pop_front()) {
    const Move& move = moves_.front();
    if (Slot* const slot = slot_at(move.hash, move.from)) slot->place = move.to;
  }
}

void DiskTable::adopt_snapshot() {
  make_moves();
  for (const FileNumber number : old_) files_[number].reset();
  order_.erase(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(old_.size()));
  order_.insert(order_.begin(), *snapshot_);
  snapshot_.reset();
}

void DiskTable::give_up_snapshot() {
  walk_.reset();
  moves_.clear();
  if (restore_slots()) {
    files_[*snapshot_].reset();
  } else {
    // It lives on as long as it is open, with the entries that are now nowhere else.
    order_.insert(order_.begin(), *snapshot_);
  }
  snapshot_.reset();
}

// Makes the slots of what was copied point to the old files again; false if they cannot be read.
// The copy is told by its hash, length and checksum, not by reading it: a copy that did not reach
// the disk may be why it is given up.
bool DiskTable::restore_slots() {
  for (const FileNumber number : old_) {
    LogWalk walk{files_[number]};
    for (;;) {
      const auto more = walk.next();
      if (!more) return false;
      if (!*more) break;
      const Change& put = walk.put();
      for (Slot& slot : index_.find(hash_of(put.key))) {
        if (slot.place.file() != *snapshot_ || slot.length != encoded_size(put) ||
            slot.crc != checksum(put)) {
          continue;
        }
        slot.place = Place{number, walk.offset()};
        break;
      }
    }
  }
  return true;
}

void DiskTable::clear() {
  walk_.reset();
  moves_.clear();
  snapshot_.reset();
  order_.clear();
  index_.clear();
  files_.clear();
}

}  // namespace troupe::storage::log
