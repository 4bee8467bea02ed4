// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// The seam between the engines and the file system. Everything the log and files engines do to a
// disk goes through here, so that a simulated disk can lose power, fill up, or fail an fsync.
// Errors are errno values; the engines turn them into sentences (fault.hpp).

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage {

struct Fault {
  int code;  // an errno value
};

template <class T>
using Outcome = std::expected<T, Fault>;

class DiskFile {
 public:
  virtual ~DiskFile() = default;
  // Bytes read; fewer than asked for only at the end of the file.
  virtual Outcome<std::size_t> read(std::uint64_t offset, std::span<char> into) = 0;
  // All of it or a fault; after a fault any part of the range may have been written.
  virtual Outcome<void> write(std::uint64_t offset, std::string_view bytes) = 0;
  virtual Outcome<void> truncate(std::uint64_t size) = 0;
  virtual Outcome<std::uint64_t> size() = 0;
  // Contents and length survive a power cut once this succeeds. After a fault nothing is known
  // about what was written since the last success, and a retry proves nothing.
  virtual Outcome<void> sync() = 0;
};

class DiskLock {
 public:
  virtual ~DiskLock() = default;  // Lets go; so does the end of the operating system process.
};

enum class OpenMode : std::uint8_t {
  read,    // must exist
  write,   // must exist, read and write
  create,  // read and write, made if absent
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual Outcome<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) = 0;
  virtual Outcome<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Outcome<void> remove(const std::string& path) = 0;
  virtual Outcome<std::vector<std::string>> list(const std::string& directory) = 0;
  // Success if it is there already; parents are not made.
  virtual Outcome<void> make_directory(const std::string& path) = 0;
  // Makes entries (created, renamed, removed names) of the directory survive a power cut.
  virtual Outcome<void> sync_directory(const std::string& path) = 0;
  // Fault EWOULDBLOCK: someone else holds it, in this process or another. The file stays behind.
  virtual Outcome<std::unique_ptr<DiskLock>> lock(const std::string& path) = 0;
  // For salts and identities. Part of the seam, so that a simulated run repeats.
  virtual std::uint64_t random_number() = 0;
};

Disk& real_disk();

inline Disk& disk_or_real(Disk* disk) { return disk != nullptr ? *disk : real_disk(); }

// The whole file; fault EFBIG if it is longer than `limit`.
Outcome<std::string> read_file(Disk& disk, const std::string& path, std::size_t limit);

// A reader finds the old contents or the new, also after a power cut: temporary, sync, rename, sync
// of the directory. The temporary is PATH.tmp.
Outcome<void> replace_file(Disk& disk, const std::string& path, std::string_view bytes);

// Writes the bytes from `begin` to `end`, or to the end of the file, over themselves and syncs
// them. After a failed fsync this, and not another fsync, brings them to the disk.
Outcome<void> rewrite(DiskFile& file, std::uint64_t begin, std::uint64_t end);

// "." if the path has no directory part.
std::string directory_of(const std::string& path);

}  // namespace troupe::storage
