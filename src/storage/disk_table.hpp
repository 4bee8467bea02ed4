// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// The entries of a log where they were written, found through an index in memory.
//
// An entry is current if the index knows it by the place where it lies; everything else in the
// files is history. A snapshot therefore copies what is current from the files before it, in their
// order, and moves the index along piece by piece. Keys with the same hash have a slot each, told
// apart by reading the entry.
//
// What is read is compared with a checksum of the entry from the time when it was written or
// recovered, which the index keeps: the record's own would cost reading the whole record, and does
// not notice that the index is wrong about the place.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.hpp"
#include "storage/entry_index.hpp"
#include "storage/log_table.hpp"
#include "storage/log_walk.hpp"

namespace troupe::storage::log {

class DiskTable final : public Table {
 public:
  // The key is secret, or clients could prepare keys that collide. `hash_mask` takes bits away
  // where a test wants them to.
  explicit DiskTable(const HashKey& key, std::uint64_t hash_mask = UINT64_MAX)
      : key_{key}, hash_mask_{hash_mask} {}

  void begin_file(LogFilePtr file) override;
  void expect(std::string_view key) const override { index_.prefetch(hash_of(key)); }
  void apply(const Change& change, std::uint64_t offset) override;

  Result<std::optional<std::string>> get(std::string_view key) override;
  Result<void> visit(const Scan& scan, Visit visitor, void* object) override;
  Result<void> sweep(Visit visitor, void* object) override;
  Result<Portion> portion(const std::optional<std::string>& from, std::size_t limit) override;

  void begin_snapshot(LogFilePtr file) override;
  Result<bool> copy(SnapshotWriter& snapshot, std::uint64_t bytes) override;
  void adopt_snapshot() override;
  void give_up_snapshot() override;

  void clear() override;

 private:
  using FileNumber = std::uint32_t;

  // An entry that was copied and whose slot still says where it was before.
  struct Move {
    std::uint64_t hash;
    Place from;
    Place to;
  };

  std::uint64_t hash_of(std::string_view key) const {
    return sip_hash<1, 3>(key, key_) & hash_mask_;
  }
  FileNumber add(LogFilePtr file);
  Slot* slot_of(std::string_view key, std::uint64_t hash);
  Slot* slot_at(std::uint64_t hash, Place place);
  bool is_of(const Slot& slot, std::string_view key);
  Result<Change> read(const Slot& slot, std::string& into) const;
  void make_moves();
  bool restore_slots();

  template <class Visitor>
  Result<void> walk(const Visitor& visitor);

  HashKey key_;
  std::uint64_t hash_mask_;
  EntryIndex index_;
  std::vector<LogFilePtr> files_;  // by number; null: free
  std::vector<FileNumber> order_;  // of the files: the last is the one that is appended to

  // While a snapshot is written:
  std::optional<FileNumber> snapshot_;
  std::vector<FileNumber> old_;  // what it stands for
  std::size_t copying_ = 0;      // which of them
  std::optional<LogWalk> walk_;
  std::deque<Move> moves_;
};

}  // namespace troupe::storage::log
