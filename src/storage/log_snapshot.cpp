// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/log_snapshot.hpp"

#include <utility>

#include "storage/fault.hpp"
#include "storage/log_reader.hpp"

namespace troupe::storage::log {
namespace {

constexpr std::size_t record_bytes = 64 * 1024;

}  // namespace

Outcome<SnapshotWriter> SnapshotWriter::begin(Disk& disk, const std::string& path,
                                              const FileHeader& header) {
  SnapshotWriter writer{disk, path, header};
  auto file = disk.open(path + ".tmp", OpenMode::create);
  if (!file) return std::unexpected(file.error());
  writer.file_ = std::move(*file);
  const std::string bytes = encode(header);
  auto done = writer.file_->truncate(0);
  if (done) done = writer.file_->write(0, bytes);
  if (!done) {
    writer.abandon();
    return std::unexpected(done.error());
  }
  writer.offset_ = bytes.size();
  begin_record(writer.record_);
  return writer;
}

Outcome<void> SnapshotWriter::write_record() {
  seal_record(record_, checksum_seed(header_.salt), ++records_, 0);
  if (auto done = file_->write(offset_, record_); !done) return done;
  offset_ += record_.size();
  begin_record(record_);
  return {};
}

Outcome<bool> SnapshotWriter::advance(const OrderedTable& table, std::uint64_t bytes) {
  auto at = started_ ? table.upper_bound(last_key_) : table.begin();
  std::uint64_t written = 0;
  for (; at != table.end() && written < bytes; ++at) {
    const Change change = Change::put(at->first, at->second);
    const std::size_t size = encoded_size(change);
    if (record_.size() > record_header_bytes && record_.size() + size > record_bytes) {
      if (auto done = write_record(); !done) return std::unexpected(done.error());
    }
    append_change(record_, change);
    written += size;
    ++entries_;
    last_key_ = at->first;
    started_ = true;
  }
  return at == table.end();
}

Outcome<void> SnapshotWriter::finish(std::uint64_t horizon) {
  if (record_.size() > record_header_bytes) {
    if (auto done = write_record(); !done) return done;
  }
  append_end(record_, {entries_, horizon});
  if (auto done = write_record(); !done) return done;
  if (auto done = file_->sync(); !done) return done;
  file_.reset();
  return disk_->rename(path_ + ".tmp", path_);
}

void SnapshotWriter::abandon() {
  file_.reset();
  (void)disk_->remove(path_ + ".tmp");
}

StorageError damaged_file(const std::string& path, std::uint64_t offset, std::string_view what) {
  return {ErrorKind::corrupt, "file " + path + " is damaged at offset " + std::to_string(offset) +
                                  " (" + std::string{what} +
                                  "); restore the directory from a backup, or move it away to "
                                  "start without its entries"};
}

Result<FileHeader> check_header(std::string_view bytes, const std::string& path, bool snapshot,
                                std::uint64_t sequence, std::uint64_t identity) {
  const auto header = decode_file_header(bytes);
  if (!header) {
    if (header.error() == HeaderError::damaged) {
      return std::unexpected(damaged_file(path, 0, "its header"));
    }
    return failure(ErrorKind::newer_version,
                   "file " + path + " has a newer format; start the newer version that wrote it");
  }
  if (header->snapshot != snapshot || header->sequence != sequence) {
    return failure(ErrorKind::foreign,
                   "file " + path + " was renamed or put there; its header says sequence " +
                       std::to_string(header->sequence) + "; put the right file back");
  }
  if (header->identity != identity) {
    return failure(ErrorKind::foreign,
                   "file " + path + " is part of another store; put the right file back");
  }
  return *header;
}

Result<LoadedSnapshot> load_snapshot(Disk& disk, const std::string& path, std::uint64_t sequence,
                                     std::uint64_t identity, OrderedTable& table) {
  auto file = disk.open(path, OpenMode::read);
  if (!file) return failure(file.error(), "open", path);
  const auto size = (*file)->size();
  if (!size) return failure(size.error(), "read", path);
  std::string bytes(file_header_bytes, '\0');
  const auto count = (*file)->read(0, bytes);
  if (!count) return failure(count.error(), "read", path);
  bytes.resize(*count);
  const auto header = check_header(bytes, path, true, sequence, identity);
  if (!header) return std::unexpected(header.error());

  RecordReader reader{**file, file_header_bytes, *size, checksum_seed(header->salt)};
  std::uint64_t entries = 0;
  for (std::uint64_t number = 1;; ++number) {
    const std::uint64_t place = reader.offset();
    const auto status = reader.next(number);
    if (!status) return failure(status.error(), "read", path);
    if (*status == RecordReader::Status::end) {
      return std::unexpected(damaged_file(path, place, "it ends too early"));
    }
    if (*status == RecordReader::Status::bad) {
      return std::unexpected(damaged_file(path, place, "record " + std::to_string(number)));
    }
    PayloadReader payload{reader.payload()};
    for (;;) {
      const auto item = payload.next();
      if (item == PayloadReader::Item::finished) break;
      if (item == PayloadReader::Item::change && !payload.change().removal) {
        // In key order, so the end is where it belongs.
        table.emplace_hint(table.end(), payload.change().key, payload.change().value);
        ++entries;
        continue;
      }
      const bool whole =
          item == PayloadReader::Item::snapshot_end && payload.snapshot_end().entries == entries &&
          payload.next() == PayloadReader::Item::finished && reader.offset() == *size;
      if (!whole) return std::unexpected(damaged_file(path, place, "its contents"));
      return LoadedSnapshot{sequence, payload.snapshot_end().horizon, *size};
    }
  }
}

}  // namespace troupe::storage::log
