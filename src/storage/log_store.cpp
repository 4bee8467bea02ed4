// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/log_store.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "storage/disk.hpp"
#include "storage/fault.hpp"
#include "storage/log_format.hpp"
#include "storage/log_recovery.hpp"
#include "storage/log_snapshot.hpp"
#include "storage/log_table.hpp"

// Order of events in a write: append the record, sync, then change the table and answer. A failed
// append is taken back by cutting the file; a failed sync, or a cut that fails, poisons the store:
// what is on disk is then unknown, and the only honest way on is to open it again and look.

namespace troupe::storage {
namespace {

using log::SnapshotWriter;

// A snapshot moves on by this much with each batch, and by twice the batch, so that it always ends
// before the log behind it has doubled.
constexpr std::uint64_t slice_bytes = 64 * 1024;

class LogStore final : public Store {
 public:
  LogStore(std::unique_ptr<log::Table> table, const std::string& directory,
           const LogOptions& options, std::uint64_t identity)
      : table_{std::move(table)},
        directory_{directory},
        options_{options},
        identity_{identity},
        disk_{disk_or_real(options.disk)} {}
  ~LogStore() override { (void)close(); }

  Result<void> open(bool must_exist);

 private:
  Result<std::optional<std::string>> do_get(std::string_view key) override {
    return table_->get(key);
  }
  Result<void> do_visit(const Scan& scan, Visit visitor, void* object) override {
    return table_->visit(scan, visitor, object);
  }
  Result<void> do_sweep(Visit visitor, void* object) override {
    return table_->sweep(visitor, object);
  }
  Result<Portion> do_portion(const std::optional<std::string>& from, std::size_t limit) override {
    return table_->portion(from, limit);
  }
  Result<void> do_write(std::span<const Change> changes) override;
  Result<void> do_flush() override;
  Result<void> do_compact() override;
  Result<void> do_close() override;

  Result<void> append(std::span<const Change> changes);
  void reserve(std::uint64_t bytes);
  Result<void> sync();
  std::unexpected<StorageError> poison(Fault fault, std::string_view doing,
                                       const std::string& path);
  std::unexpected<StorageError> still_poisoned() const {
    return failure(ErrorKind::poisoned, *poison_);
  }

  bool snapshot_is_due() const;
  Result<void> begin_snapshot();
  Result<bool> advance_snapshot(std::uint64_t bytes);
  Result<void> finish_snapshot();
  std::unexpected<StorageError> give_up_snapshot(StorageError error);
  std::unexpected<StorageError> give_up_snapshot(Fault fault, const std::string& path) {
    return give_up_snapshot(explain(fault, "write snapshot", path));
  }

  const std::unique_ptr<log::Table> table_;
  const std::string directory_;
  const LogOptions options_;
  const std::uint64_t identity_;
  Disk& disk_;
  std::unique_ptr<DiskLock> lock_;

  log::LogFilePtr current_;
  std::uint64_t allocated_ = 0;  // size of the current file; zeros behind its end
  std::uint64_t sequence_ = 0;   // of the last record
  std::uint64_t synced_ = 0;     // all up to here are on disk
  std::string record_;

  std::uint64_t log_bytes_ = 0;         // behind the last snapshot
  std::uint64_t log_bytes_before_ = 0;  // the snapshot that is being written
  std::uint64_t snapshot_bytes_ = 0;    // size of the last snapshot
  std::uint64_t not_before_ = 0;        // log_bytes_ at which a snapshot is tried again
  std::vector<std::string> superseded_by_next_;
  std::vector<std::string> superseded_;  // by the one being written
  std::optional<SnapshotWriter> snapshot_;

  std::optional<std::string> poison_;
};

Result<void> LogStore::open(bool must_exist) {
  if (auto made = disk_.make_directory(directory_); !made) {
    return failure(made.error(), "make directory", directory_);
  }
  auto lock = lock_directory(disk_, directory_);
  if (!lock) return std::unexpected(std::move(lock.error()));
  lock_ = std::move(*lock);
  auto found = log::recover(disk_, directory_, identity_, must_exist, *table_);
  if (!found) return std::unexpected(std::move(found.error()));
  // The directory's own name; its entries were synced as they were made.
  const std::string parent = directory_of(directory_);
  if (auto done = disk_.sync_directory(parent); !done) {
    return failure(done.error(), "sync directory", parent);
  }
  current_ = std::move(found->current);
  allocated_ = current_->end;
  synced_ = sequence_ = found->sequence;
  log_bytes_ = found->log_bytes;
  snapshot_bytes_ = found->snapshot_bytes;
  superseded_by_next_ = std::move(found->superseded_by_next);
  return {};
}

Result<void> LogStore::do_write(std::span<const Change> changes) {
  if (poison_) return still_poisoned();
  std::uint64_t place = current_->end + log::record_header_bytes;
  if (auto done = append(changes); !done) return done;
  if (options_.durability == Durability::commit) {
    if (auto done = sync(); !done) return done;
  }
  for (const Change& change : changes) {
    table_->apply(change, place);
    place += log::encoded_size(change);
  }
  // The batch is safe, so what happens to the snapshot is not its error. A poisoning is seen by the
  // next write; anything else is tried again when the log has grown by as much once more.
  if (snapshot_ || snapshot_is_due()) (void)advance_snapshot(slice_bytes + 2 * record_.size());
  return {};
}

Result<void> LogStore::append(std::span<const Change> changes) {
  std::size_t payload = 0;
  for (const Change& change : changes) payload += log::encoded_size(change);
  if (payload > log::max_payload_bytes) {
    return failure(ErrorKind::too_large, "a batch of " + std::to_string(changes.size()) +
                                             " changes is too large for one record of the log");
  }
  log::begin_record(record_);
  record_.reserve(record_.size() + payload);
  for (const Change& change : changes) log::append_change(record_, change);
  log::seal_record(record_, current_->seed, sequence_ + 1, synced_);
  reserve(record_.size());
  if (auto done = current_->file->write(current_->end, record_); !done) {
    const StorageError error = explain(done.error(), "write to", current_->path);
    if (auto cut = current_->file->truncate(current_->end); !cut) {
      return poison(cut.error(), "take back a failed write to", current_->path);
    }
    allocated_ = current_->end;
    return std::unexpected(error);
  }
  current_->end += record_.size();
  allocated_ = std::max(allocated_, current_->end);
  log_bytes_ += record_.size();
  ++sequence_;
  return {};
}

// Writing inside a file costs its fsync no change of length, which on ext4 halves its price. A
// failure (no space for zeros) is left to the record itself, which needs less.
void LogStore::reserve(std::uint64_t bytes) {
  if (options_.preallocate_bytes == 0 || current_->end + bytes <= allocated_) return;
  const std::uint64_t from = std::max(allocated_, current_->end + bytes);
  const std::string zeros(static_cast<std::size_t>(options_.preallocate_bytes), '\0');
  if (current_->file->write(from, zeros)) {
    allocated_ = from + zeros.size();
  } else {
    (void)current_->file->truncate(allocated_);
  }
}

Result<void> LogStore::sync() {
  if (synced_ == sequence_) return {};
  if (auto done = current_->file->sync(); !done) {
    return poison(done.error(), "sync", current_->path);
  }
  synced_ = sequence_;
  return {};
}

std::unexpected<StorageError> LogStore::poison(Fault fault, std::string_view doing,
                                               const std::string& path) {
  poison_ = explain(fault, doing, path).text +
            " -- nothing more is acknowledged until the store is opened again";
  return still_poisoned();
}

bool LogStore::snapshot_is_due() const {
  return log_bytes_ >= std::max({options_.snapshot_bytes, snapshot_bytes_, not_before_});
}

std::unexpected<StorageError> LogStore::give_up_snapshot(StorageError error) {
  if (snapshot_) {
    table_->give_up_snapshot();
    snapshot_->abandon();
    snapshot_.reset();
    superseded_by_next_.insert(superseded_by_next_.begin(), superseded_.begin(), superseded_.end());
    superseded_.clear();
    log_bytes_ += log_bytes_before_;
  }
  not_before_ = log_bytes_ + options_.snapshot_bytes;
  return std::unexpected(std::move(error));
}

// Ends the current file behind its last record, all of it on disk, and begins the next.
Result<void> LogStore::begin_snapshot() {
  if (allocated_ != current_->end) {
    if (auto done = current_->file->truncate(current_->end); !done) {
      return give_up_snapshot(done.error(), current_->path);
    }
    allocated_ = current_->end;
  }
  // Also when all records are synced: opening takes no zeros behind the last record of a file that
  // has a successor.
  if (auto done = current_->file->sync(); !done)
    return poison(done.error(), "sync", current_->path);
  synced_ = sequence_;
  if (current_->first <= sequence_) {
    auto next = log::create_log_file(disk_, directory_, sequence_ + 1, identity_);
    if (!next) {
      return give_up_snapshot(next.error(), log::log_path(directory_, sequence_ + 1));
    }
    superseded_by_next_.push_back(current_->path);
    current_ = std::move(*next);
    allocated_ = current_->end;
    table_->begin_file(current_);
  }
  const std::string path = log::snapshot_path(directory_, sequence_);
  auto writer =
      SnapshotWriter::begin(disk_, path, {true, sequence_, disk_.random_number(), identity_});
  if (!writer) return give_up_snapshot(writer.error(), path);
  snapshot_ = std::move(*writer);
  table_->begin_snapshot(snapshot_->file());
  superseded_ = std::move(superseded_by_next_);
  superseded_by_next_.clear();
  log_bytes_before_ = std::exchange(log_bytes_, 0);
  return {};
}

// True when the snapshot is complete and has taken over.
Result<bool> LogStore::advance_snapshot(std::uint64_t bytes) {
  if (!snapshot_) {
    if (auto done = begin_snapshot(); !done) return std::unexpected(std::move(done.error()));
  }
  auto copied = table_->copy(*snapshot_, bytes);
  if (!copied) return give_up_snapshot(std::move(copied.error()));
  if (!*copied) return false;
  if (auto done = finish_snapshot(); !done) return std::unexpected(std::move(done.error()));
  return true;
}

Result<void> LogStore::finish_snapshot() {
  if (auto done = sync(); !done) return done;
  const std::string path = snapshot_->path();
  if (auto done = snapshot_->finish(sequence_); !done) {
    return give_up_snapshot(done.error(), path);
  }
  if (auto done = disk_.sync_directory(directory_); !done) {
    return poison(done.error(), "sync directory", directory_);
  }
  snapshot_bytes_ = snapshot_->file()->end;
  table_->adopt_snapshot();
  not_before_ = 0;
  snapshot_.reset();
  for (const std::string& old : superseded_) (void)disk_.remove(old);
  superseded_.clear();
  superseded_by_next_.insert(superseded_by_next_.begin(), path);
  return {};
}

Result<void> LogStore::do_flush() {
  if (poison_) return still_poisoned();
  return sync();
}

Result<void> LogStore::do_compact() {
  if (poison_) return still_poisoned();
  // One that is under way leaves out what was written since it began, and the caller wants all.
  while (snapshot_ || log_bytes_ > 0) {
    if (auto done = advance_snapshot(UINT64_MAX); !done) {
      return std::unexpected(std::move(done.error()));
    }
  }
  return {};
}

Result<void> LogStore::do_close() {
  Result<void> result;
  if (current_) {
    if (snapshot_) {
      snapshot_->abandon();
      snapshot_.reset();
    }
    if (poison_) {
      result = still_poisoned();
    } else {
      Outcome<void> done = current_->file->truncate(current_->end);
      if (done) done = current_->file->sync();
      if (done) done = log::write_clean_marker(disk_, directory_, *current_, sequence_);
      if (!done) result = failure(done.error(), "close", current_->path);
    }
  }
  current_.reset();
  table_->clear();
  lock_.reset();
  return result;
}

}  // namespace

Result<std::unique_ptr<Store>> open_log_with(std::unique_ptr<log::Table> table,
                                             const std::string& directory,
                                             const LogOptions& options, std::uint64_t identity,
                                             bool must_exist) {
  auto store = std::make_unique<LogStore>(std::move(table), directory, options, identity);
  if (auto done = store->open(must_exist); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return store;
}

Result<std::unique_ptr<Store>> open_log_shard(const std::string& directory,
                                              const LogOptions& options, std::uint64_t identity,
                                              bool must_exist) {
  if (options.durability == Durability::memory) return open_memory();
  return open_log_with(log::make_table(options.residence, disk_or_real(options.disk)), directory,
                       options, identity, must_exist);
}

Result<std::unique_ptr<Store>> open_log(const std::string& directory, const LogOptions& options) {
  return open_log_shard(directory, options, 0, false);
}

}  // namespace troupe::storage
