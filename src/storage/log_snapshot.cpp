// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/log_snapshot.hpp"

#include <utility>

#include "storage/fault.hpp"
#include "storage/log_reader.hpp"

namespace troupe::storage::log {
namespace {

constexpr std::size_t record_bytes = 64 * 1024;

// While the kernel writes this much, what else waits for the disk waits for it too (on ext4 every
// fsync carries the data of all files that grew), so it is never let grow longer.
constexpr std::uint64_t sync_bytes = 4 * 1024 * 1024;

}  // namespace

Outcome<SnapshotWriter> SnapshotWriter::begin(Disk& disk, const std::string& path,
                                              const FileHeader& header) {
  SnapshotWriter writer{disk, path};
  auto file = disk.open(path + ".tmp", OpenMode::create);
  if (!file) return std::unexpected(file.error());
  writer.file_ = std::make_shared<LogFile>(
      LogFile{path, std::move(*file), 1, checksum_seed(header.salt), file_header_bytes});
  auto done = writer.file_->file->truncate(0);
  if (done) done = writer.file_->file->write(0, encode(header));
  if (!done) {
    writer.abandon();
    return std::unexpected(done.error());
  }
  begin_record(writer.record_);
  return writer;
}

Outcome<void> SnapshotWriter::write_record() {
  seal_record(record_, file_->seed, ++records_, 0);
  if (auto done = file_->file->write(file_->end, record_); !done) return done;
  file_->end += record_.size();
  begin_record(record_);
  if (file_->end - synced_ < sync_bytes) return {};
  synced_ = file_->end;
  return file_->file->sync();
}

Outcome<std::uint64_t> SnapshotWriter::add(const Change& put) {
  if (record_.size() > record_header_bytes && record_.size() + encoded_size(put) > record_bytes) {
    if (auto done = write_record(); !done) return std::unexpected(done.error());
  }
  const std::uint64_t place = file_->end + record_.size();
  append_change(record_, put);
  ++entries_;
  return place;
}

Outcome<void> SnapshotWriter::finish(std::uint64_t horizon) {
  if (record_.size() > record_header_bytes) {
    if (auto done = write_record(); !done) return done;
  }
  append_end(record_, {entries_, horizon});
  if (auto done = write_record(); !done) return done;
  if (auto done = file_->file->sync(); !done) return done;
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
                                     std::uint64_t identity, Table& table) {
  auto opened = disk.open(path, OpenMode::read);
  if (!opened) return failure(opened.error(), "open", path);
  const auto size = (*opened)->size();
  if (!size) return failure(size.error(), "read", path);
  std::string bytes(file_header_bytes, '\0');
  const auto count = (*opened)->read(0, bytes);
  if (!count) return failure(count.error(), "read", path);
  bytes.resize(*count);
  const auto header = check_header(bytes, path, true, sequence, identity);
  if (!header) return std::unexpected(header.error());

  const auto file = std::make_shared<LogFile>(
      LogFile{path, std::move(*opened), 1, checksum_seed(header->salt), *size});
  table.begin_file(file);
  RecordReader reader{*file->file, file_header_bytes, *size, file->seed};
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
    LookAhead ahead{table, reader.payload()};
    for (;;) {
      ahead.advance();
      const auto item = payload.next();
      if (item == PayloadReader::Item::finished) break;
      if (item == PayloadReader::Item::change && !payload.change().removal) {
        table.apply(payload.change(), place + record_header_bytes + payload.offset());
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
