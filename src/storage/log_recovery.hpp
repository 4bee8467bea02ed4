// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// The directory of an append log, and what opening it finds.
//
//   lock               held while open
//   log-<sequence>     records from that sequence on; the last one is written to
//   snapshot-<n>       the table after record n (log_snapshot.hpp)
//   clean              there after close(): where the log ended, so that a clean log cannot lose
//                      its tail unnoticed; gone while open
//   *.tmp              unfinished, removed
//
// Opening takes the newest snapshot and replays the log behind it, record after record without a
// gap. Only the tail of the newest log file may be torn, and only where nothing proves that it was
// synced; it is cut off, durably, before anything is appended. Everything else that is not as it
// was written is refused with file and offset.

#include <cstdint>
#include <string>
#include <vector>

#include <troupe/storage.hpp>

#include "storage/disk.hpp"
#include "storage/log_file.hpp"
#include "storage/log_table.hpp"

namespace troupe::storage::log {

struct Recovered {
  std::uint64_t sequence = 0;                   // of the last record
  LogFilePtr current;                           // where the next record goes
  std::uint64_t log_bytes = 0;                  // replayed behind the snapshot
  std::uint64_t snapshot_bytes = 0;             // 0: there is none
  std::vector<std::string> superseded_by_next;  // paths the next snapshot makes obsolete
};

std::string log_path(const std::string& directory, std::uint64_t first);
std::string snapshot_path(const std::string& directory, std::uint64_t through);

// Makes the file with its header, synced, name included.
Outcome<LogFilePtr> create_log_file(Disk& disk, const std::string& directory, std::uint64_t first,
                                    std::uint64_t identity);

Outcome<void> write_clean_marker(Disk& disk, const std::string& directory, const LogFile& file,
                                 std::uint64_t sequence);

// Fills the table, which is empty. Everything recovered is on disk. `must_exist`: there has been a
// log here, so none is a loss.
Result<Recovered> recover(Disk& disk, const std::string& directory, std::uint64_t identity,
                          bool must_exist, Table& table);

}  // namespace troupe::storage::log
