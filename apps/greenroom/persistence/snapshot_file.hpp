// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <cstdio>
#include <expected>
#include <memory>
#include <openssl/types.h>
#include <string>
#include <string_view>
#include <vector>

namespace greenroom {

// A snapshot: the stored form of every session in one file, for backups and restores. Numbers are
// little-endian.
//
//   offset  bytes
//        0  8   "GRSNAP01"
//        8  8   when it was begun, Unix ms
//       16      records: 4 length of the storage key, 4 length of the value, key, value
//      end  4   0xFFFFFFFF in place of a key's length: no more records
//           8   number of records
//           32  SHA-256 of everything before
//
// Each value is what its session was at some moment while the file was written; different
// sessions at different moments. Encrypted values are in it as they are stored.
//
// It is written beside its name (NAME.partial), made durable, and renamed: what has the name is
// whole.
class SnapshotWriter {
 public:
  static std::expected<std::unique_ptr<SnapshotWriter>, std::string> create(const std::string& file,
                                                                            std::int64_t now_ms);
  ~SnapshotWriter();  // an unfinished file is removed
  SnapshotWriter(const SnapshotWriter&) = delete;

  std::expected<void, std::string> add(std::string_view key, std::string_view value);
  std::expected<void, std::string> finish();
  std::uint64_t records() const { return records_; }

 private:
  SnapshotWriter(std::string file, std::FILE* stream);
  bool put(std::string_view bytes);
  bool sync();
  std::unexpected<std::string> failure(const char* what) const;

  std::string file_;
  std::FILE* stream_;
  EVP_MD_CTX* digest_;
  std::uint64_t records_ = 0;
  std::uint64_t unsynced_ = 0;
};

struct SnapshotFacts {
  std::string file;
  std::int64_t created_at_ms = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};

// Reads a snapshot from begin to end and calls `visit` with each record; false stops. A file that
// is cut off, changed or no snapshot is an error; only the facts of a whole one are returned.
// Records come before that is known: verify first where it matters.
using VisitRecord = bool (*)(void* context, std::string_view key, std::string_view value);
std::expected<SnapshotFacts, std::string> read_snapshot(const std::string& file, VisitRecord visit,
                                                        void* context);
std::expected<SnapshotFacts, std::string> verify_snapshot(const std::string& file);

// The name of one that is begun now: greenroom-20261129T134500123Z.snapshot.
std::string snapshot_name(std::int64_t now_ms);
// The snapshots of a directory by name, which is by age, the oldest first.
std::vector<std::string> snapshots_in(const std::string& directory);
// Removes the oldest but for `keep`; how many.
std::size_t prune_snapshots(const std::string& directory, std::size_t keep);

}  // namespace greenroom
