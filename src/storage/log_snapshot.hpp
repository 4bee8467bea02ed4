// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// A snapshot of the table, written in slices while the log goes on.
//
// The log is rotated first, so that a new log file begins with record N+1; then the table's entries
// are copied, a slice with every batch. An entry copied late may already contain a change from
// behind N, or be gone because of one, and that is no harm: replaying the log from N+1 on top sets
// every key that was touched to its last state, and the others have not changed since N. It does
// need all of the log up to the newest change that can matter, the horizon; so the log is synced up
// to there before the snapshot gets its name, and opening refuses a log that ends before it.

#include <cstdint>
#include <memory>
#include <string>

#include "storage/disk.hpp"
#include "storage/log_file.hpp"
#include "storage/log_format.hpp"
#include "storage/log_table.hpp"

namespace troupe::storage::log {

class SnapshotWriter {
 public:
  // Writes PATH.tmp; `header.sequence` is N.
  static Outcome<SnapshotWriter> begin(Disk& disk, const std::string& path,
                                       const FileHeader& header);

  // Where the entry will lie in the file: as soon as file()->end is behind it, it does.
  Outcome<std::uint64_t> add(const Change& put);

  // Ends the file, syncs it and gives it its name. The caller has synced the log up to `horizon`
  // and syncs the directory afterwards.
  Outcome<void> finish(std::uint64_t horizon);

  // Takes the unfinished file away, as far as the disk lets it.
  void abandon();

  const std::string& path() const { return path_; }
  const LogFilePtr& file() const { return file_; }

 private:
  SnapshotWriter(Disk& disk, std::string path) : disk_{&disk}, path_{std::move(path)} {}
  Outcome<void> write_record();

  Disk* disk_;
  std::string path_;
  LogFilePtr file_;
  std::string record_;
  std::uint64_t synced_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t entries_ = 0;
};

struct LoadedSnapshot {
  std::uint64_t through;
  std::uint64_t horizon;
  std::uint64_t bytes;
};

// Fills the table, which is empty. Every snapshot with a name was synced before it got it, so
// anything wrong with it is damage.
Result<LoadedSnapshot> load_snapshot(Disk& disk, const std::string& path, std::uint64_t sequence,
                                     std::uint64_t identity, Table& table);

// Shared with the log files: opens, reads and judges the 40 bytes.
StorageError damaged_file(const std::string& path, std::uint64_t offset, std::string_view what);
Result<FileHeader> check_header(std::string_view bytes, const std::string& path, bool snapshot,
                                std::uint64_t sequence, std::uint64_t identity);

}  // namespace troupe::storage::log
