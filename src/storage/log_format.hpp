// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// The bytes of the append log. All numbers are little-endian.
//
// A log file and a snapshot file begin with the same 40 bytes:
//   magic "TrpL" or "TrpS" | u32 format | u64 sequence | u64 salt | u64 identity | u32 0 | u32 crc
// `sequence` is the first record of a log, or the last one a snapshot stands for. The salt is
// random per file and goes into every checksum, so that bytes of one file are never records of
// another, nor is a value that holds a copy of some log. The place of the crc, over what is before
// it, is the same in all formats.
//
// A record is one batch:
//   u32 length | u32 crc | u64 sequence | u64 synced | payload of `length` bytes
// The crc covers all of it and the salt. `synced` is the last sequence that was known to be on disk
// when the record was written. It tells a torn tail from damage: a bad record may be cut off with
// what follows, unless something that follows says it was safe on disk (log_reader.hpp).
//
// A payload is a row of changes:
//   u8 1 | u32 key length | u32 value length | key | value      a put
//   u8 2 | u32 key length | key                                 a removal
// or, as the last record of a snapshot:
//   u8 3 | u64 number of entries | u64 horizon
// where the log must reach the horizon for the snapshot to be of use (log_snapshot.hpp).

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <troupe/storage.hpp>

namespace troupe::storage::log {

struct FileHeader {
  bool snapshot;
  std::uint64_t sequence;
  std::uint64_t salt;
  std::uint64_t identity;
};

inline constexpr std::size_t file_header_bytes = 40;

std::string encode(const FileHeader& header);

enum class HeaderError : std::uint8_t { damaged, newer_format };
std::expected<FileHeader, HeaderError> decode_file_header(std::string_view bytes);

struct RecordHeader {
  std::uint32_t length;
  std::uint32_t crc;
  std::uint64_t sequence;
  std::uint64_t synced;
};

inline constexpr std::size_t record_header_bytes = 24;
inline constexpr std::size_t max_payload_bytes = 0x7FFF'FFFF;

RecordHeader decode_record_header(const char* bytes);

// What every checksum of a file starts from.
std::uint32_t checksum_seed(std::uint64_t salt);
// `header` is the record's first 24 bytes, whose crc field is passed over.
std::uint32_t record_checksum(std::uint32_t seed, const char* header, std::string_view payload);

// Building a record: begin, append changes, seal. The record is the whole of `bytes`.
void begin_record(std::string& bytes);
void append_change(std::string& bytes, const Change& change);
std::size_t encoded_size(const Change& change);
// What a put begins with, before its key.
inline constexpr std::size_t put_head_bytes = 9;
std::string put_head(std::size_t key_bytes, std::size_t value_bytes);
void seal_record(std::string& bytes, std::uint32_t seed, std::uint64_t sequence,
                 std::uint64_t synced);

struct SnapshotEnd {
  std::uint64_t entries;
  std::uint64_t horizon;
};
void append_end(std::string& bytes, const SnapshotEnd& end);

// Takes a payload apart, change by change.
class PayloadReader {
 public:
  explicit PayloadReader(std::string_view payload) : rest_{payload}, size_{payload.size()} {}

  enum class Item : std::uint8_t { change, snapshot_end, finished, malformed };
  Item next();
  const Change& change() const { return change_; }  // views the payload
  const SnapshotEnd& snapshot_end() const { return end_; }
  std::size_t offset() const { return offset_; }  // in the payload, of what next() has found

 private:
  std::optional<std::string_view> take(std::size_t count);

  std::string_view rest_;
  std::size_t size_;
  std::size_t offset_ = 0;
  Change change_;
  SnapshotEnd end_{};
};

}  // namespace troupe::storage::log
