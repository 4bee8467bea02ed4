// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "storage/disk.hpp"

namespace troupe::storage::log {

// A file of records, log or snapshot. Shared by whoever writes it and the table that reads from it,
// which may be the last to need it: a file whose name is gone can still be read.
struct LogFile {
  std::string path;
  std::unique_ptr<DiskFile> file;
  std::uint64_t first = 0;  // sequence of its first record; of a snapshot's, 1
  std::uint32_t seed = 0;   // of its checksums
  std::uint64_t end = 0;    // behind its last record
};

using LogFilePtr = std::shared_ptr<LogFile>;

}  // namespace troupe::storage::log
