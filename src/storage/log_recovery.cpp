// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/log_recovery.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <deque>
#include <optional>
#include <utility>

#include "storage/crc32c.hpp"
#include "storage/fault.hpp"
#include "storage/log_reader.hpp"
#include "storage/log_snapshot.hpp"

namespace troupe::storage::log {
namespace {

using Status = RecordReader::Status;

std::string hex16(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

// The number of "PREFIX<16 hex digits>", and of nothing else.
std::optional<std::uint64_t> numbered(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || name.size() != prefix.size() + 16) return std::nullopt;
  name.remove_prefix(prefix.size());
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + 16, number, 16);
  if (error != std::errc{} || stop != name.data() + 16 || hex16(number) != name) {
    return std::nullopt;
  }
  return number;
}

std::string marker_text(std::uint64_t first, std::uint64_t end, std::uint64_t sequence) {
  std::string text = "closed log-" + hex16(first) + " at byte " + std::to_string(end) +
                     " after record " + std::to_string(sequence) + "\n";
  char sum[9];
  std::snprintf(sum, sizeof sum, "%08x", crc32c(text));
  return text + sum + "\n";
}

class Recovery {
 public:
  Recovery(Disk& disk, const std::string& directory, std::uint64_t identity, bool must_exist,
           Table& table)
      : disk_{disk},
        directory_{directory},
        identity_{identity},
        must_exist_{must_exist},
        table_{table} {}

  Result<Recovered> run();

 private:
  Result<void> look_around();
  Result<void> load_newest_snapshot();
  Result<void> replay_all();
  Result<LogFilePtr> replay(std::uint64_t first, std::optional<std::uint64_t> next_first,
                            bool next_is_empty);
  Result<void> replay_payload(std::string_view payload, const std::string& path,
                              std::uint64_t place);
  Result<void> adopt_empty(std::uint64_t first);
  Result<void> check_end();
  Result<void> tidy();
  std::unexpected<StorageError> gap(std::uint64_t from, std::uint64_t to) const;

  Disk& disk_;
  const std::string& directory_;
  std::uint64_t identity_;
  bool must_exist_;
  Table& table_;

  std::vector<std::uint64_t> snapshots_;
  std::vector<std::uint64_t> logs_;
  std::vector<std::string> obsolete_;
  std::optional<std::string> marker_;
  std::uint64_t through_ = 0;  // the snapshot's; 0: none
  std::uint64_t horizon_ = 0;
  Recovered found_;
};

Result<Recovered> Recovery::run() {
  if (auto done = look_around(); !done) return std::unexpected(std::move(done.error()));
  if (auto done = load_newest_snapshot(); !done) return std::unexpected(std::move(done.error()));
  if (auto done = replay_all(); !done) return std::unexpected(std::move(done.error()));
  if (auto done = check_end(); !done) return std::unexpected(std::move(done.error()));
  if (auto done = tidy(); !done) return std::unexpected(std::move(done.error()));
  return std::move(found_);
}

Result<void> Recovery::look_around() {
  const auto names = disk_.list(directory_);
  if (!names) return failure(names.error(), "list", directory_);
  for (const std::string& name : *names) {
    if (const auto snapshot = numbered(name, "snapshot-")) snapshots_.push_back(*snapshot);
    if (const auto log = numbered(name, "log-")) logs_.push_back(*log);
    if (name.ends_with(".tmp")) obsolete_.push_back(directory_ + "/" + name);
    if (name != "clean") continue;
    auto text = read_file(disk_, directory_ + "/clean", 200);
    if (!text) return failure(text.error(), "read", directory_ + "/clean");
    marker_ = std::move(*text);
  }
  std::ranges::sort(snapshots_);
  std::ranges::sort(logs_);
  return {};
}

Result<void> Recovery::load_newest_snapshot() {
  if (snapshots_.empty()) return {};
  through_ = snapshots_.back();
  const std::string path = snapshot_path(directory_, through_);
  const auto loaded = load_snapshot(disk_, path, through_, identity_, table_);
  if (!loaded) return std::unexpected(loaded.error());
  horizon_ = loaded->horizon;
  found_.snapshot_bytes = loaded->bytes;
  found_.superseded_by_next.push_back(path);
  snapshots_.pop_back();
  for (const auto older : snapshots_) obsolete_.push_back(snapshot_path(directory_, older));
  return {};
}

std::unexpected<StorageError> Recovery::gap(std::uint64_t from, std::uint64_t to) const {
  std::string which = std::to_string(from);
  if (to != 0) which += " to " + std::to_string(to);
  return failure(ErrorKind::corrupt, "log " + directory_ + " lacks the records from " + which +
                                         "; a file is missing, restore the directory from a "
                                         "backup");
}

Result<void> Recovery::replay_all() {
  // Files wholly inside the snapshot: their removal was interrupted.
  while (logs_.size() >= 2 && logs_[1] <= through_ + 1) {
    obsolete_.push_back(log_path(directory_, logs_.front()));
    logs_.erase(logs_.begin());
  }
  found_.sequence = through_;
  if (logs_.empty()) {
    if (through_ != 0 || marker_ || must_exist_) return gap(through_ + 1, 0);
    return adopt_empty(1);
  }
  if (logs_.front() > through_ + 1) return gap(through_ + 1, logs_.front() - 1);

  // The newest file may have been made by a rotation that was interrupted before its first record.
  const std::string newest = log_path(directory_, logs_.back());
  auto file = disk_.open(newest, OpenMode::read);
  if (!file) return failure(file.error(), "open", newest);
  const auto size = (*file)->size();
  if (!size) return failure(size.error(), "read", newest);
  const bool newest_is_empty = *size <= file_header_bytes;

  found_.sequence = logs_.front() - 1;
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    const bool last = i + 1 == logs_.size();
    if (last && newest_is_empty) {
      if (logs_[i] == found_.sequence + 1) return adopt_empty(logs_[i]);
      obsolete_.push_back(newest);  // That rotation was given up and the file before went on.
      return {};
    }
    const bool next_is_empty = newest_is_empty && i + 2 == logs_.size();
    auto done = replay(logs_[i], last ? std::nullopt : std::optional{logs_[i + 1]}, next_is_empty);
    if (!done) return std::unexpected(std::move(done.error()));
    found_.log_bytes += (*done)->end;
    if (found_.current) found_.superseded_by_next.push_back(found_.current->path);
    found_.current = std::move(*done);
  }
  return {};
}

// An empty file's header may be torn, so it is written anew whatever it is.
Result<void> Recovery::adopt_empty(std::uint64_t first) {
  if (found_.current) found_.superseded_by_next.push_back(found_.current->path);
  auto file = create_log_file(disk_, directory_, first, identity_);
  if (!file) return failure(file.error(), "write", log_path(directory_, first));
  found_.current = std::move(*file);
  table_.begin_file(found_.current);
  return {};
}

Result<LogFilePtr> Recovery::replay(std::uint64_t first, std::optional<std::uint64_t> next_first,
                                    bool next_is_empty) {
  auto shared = std::make_shared<LogFile>();
  LogFile& log = *shared;
  log.path = log_path(directory_, first);
  log.first = first;
  auto file = disk_.open(log.path, OpenMode::write);
  if (!file) return failure(file.error(), "open", log.path);
  log.file = std::move(*file);
  const auto size = log.file->size();
  if (!size) return failure(size.error(), "read", log.path);
  std::string bytes(file_header_bytes, '\0');
  const auto count = log.file->read(0, bytes);
  if (!count) return failure(count.error(), "read", log.path);
  bytes.resize(*count);
  const auto header = check_header(bytes, log.path, false, first, identity_);
  if (!header) return std::unexpected(header.error());
  log.seed = checksum_seed(header->salt);
  table_.begin_file(shared);

  RecordReader reader{*log.file, file_header_bytes, *size, log.seed};
  std::deque<std::pair<std::uint64_t, std::uint64_t>> unproven;  // sequence and place
  Status status = Status::end;
  std::uint64_t sequence = first;
  for (;; ++sequence) {
    const std::uint64_t place = reader.offset();
    const auto next = reader.next(sequence);
    if (!next) return failure(next.error(), "read", log.path);
    status = *next;
    if (status != Status::record) break;
    unproven.emplace_back(sequence, place);
    while (!unproven.empty() && unproven.front().first <= reader.synced()) unproven.pop_front();
    if (sequence <= through_) continue;
    if (auto done = replay_payload(reader.payload(), log.path, place); !done) {
      return std::unexpected(std::move(done.error()));
    }
  }
  log.end = reader.offset();
  found_.sequence = sequence - 1;

  // A later file was only begun when all records before it were on disk.
  const bool newest = !next_first || next_is_empty;
  const bool must_be_there = (next_first && sequence < *next_first) || sequence <= horizon_;
  if (status == Status::end) {
    if (must_be_there) return gap(sequence, next_first.value_or(horizon_ + 1) - 1);
  } else {
    auto synced = reader.was_synced(sequence);
    if (!synced) return failure(synced.error(), "read", log.path);
    if (*synced || must_be_there || marker_ || !newest) {
      return std::unexpected(damaged_file(log.path, log.end, "record " + std::to_string(sequence)));
    }
    if (auto cut = log.file->truncate(log.end); !cut) {
      return failure(cut.error(), "cut the torn tail off", log.path);
    }
  }
  if (next_first && !next_is_empty && sequence != *next_first) {
    return std::unexpected(damaged_file(log.path, log.end, "more records than it should have"));
  }
  if (newest && !marker_) {
    // What is read back after a crash may be in the kernel's memory only, and after a failed fsync
    // the kernel may think it is on disk: a sync alone would then do nothing.
    auto done = rewrite(*log.file, unproven.empty() ? log.end : unproven.front().second, log.end);
    if (!done) return failure(done.error(), "secure the tail of", log.path);
  }
  return shared;
}

Result<void> Recovery::replay_payload(std::string_view bytes, const std::string& path,
                                      std::uint64_t place) {
  PayloadReader payload{bytes};
  LookAhead ahead{table_, bytes};
  for (;;) {
    ahead.advance();
    switch (payload.next()) {
      case PayloadReader::Item::change:
        table_.apply(payload.change(), place + record_header_bytes + payload.offset());
        break;
      case PayloadReader::Item::finished:
        return {};
      case PayloadReader::Item::snapshot_end:
      case PayloadReader::Item::malformed:
        return std::unexpected(damaged_file(path, place, "the contents of a record"));
    }
  }
}

Result<void> Recovery::check_end() {
  if (found_.sequence < horizon_) return gap(found_.sequence + 1, horizon_);
  if (!marker_) return {};
  const LogFile& file = *found_.current;
  if (*marker_ == marker_text(file.first, file.end, found_.sequence)) return {};
  return failure(ErrorKind::corrupt, "log " + directory_ + " ends at byte " +
                                         std::to_string(file.end) + " of " + file.path +
                                         ", which is not where it was closed (see " + directory_ +
                                         "/clean); restore the directory from a backup");
}

Result<void> Recovery::tidy() {
  if (marker_) {
    // Before anything is appended, or the next opening would miss the new records.
    Outcome<void> done = disk_.remove(directory_ + "/clean");
    if (done) done = disk_.sync_directory(directory_);
    if (!done) return failure(done.error(), "remove", directory_ + "/clean");
  }
  // What stays behind here is found again by the next opening.
  for (const std::string& path : obsolete_) (void)disk_.remove(path);
  return {};
}

}  // namespace

std::string log_path(const std::string& directory, std::uint64_t first) {
  return directory + "/log-" + hex16(first);
}

std::string snapshot_path(const std::string& directory, std::uint64_t through) {
  return directory + "/snapshot-" + hex16(through);
}

Outcome<LogFilePtr> create_log_file(Disk& disk, const std::string& directory, std::uint64_t first,
                                    std::uint64_t identity) {
  const FileHeader header{false, first, disk.random_number(), identity};
  auto log = std::make_shared<LogFile>(LogFile{log_path(directory, first), nullptr, first,
                                               checksum_seed(header.salt), file_header_bytes});
  auto file = disk.open(log->path, OpenMode::create);
  if (!file) return std::unexpected(file.error());
  log->file = std::move(*file);
  Outcome<void> done = log->file->truncate(0);
  if (done) done = log->file->write(0, encode(header));
  if (done) done = log->file->sync();
  if (done) done = disk.sync_directory(directory);
  if (done) return log;
  // An empty file that stays behind is recognised by the next opening.
  log->file.reset();
  (void)disk.remove(log->path);
  return std::unexpected(done.error());
}

Outcome<void> write_clean_marker(Disk& disk, const std::string& directory, const LogFile& file,
                                 std::uint64_t sequence) {
  return replace_file(disk, directory + "/clean", marker_text(file.first, file.end, sequence));
}

Result<Recovered> recover(Disk& disk, const std::string& directory, std::uint64_t identity,
                          bool must_exist, Table& table) {
  return Recovery{disk, directory, identity, must_exist, table}.run();
}

}  // namespace troupe::storage::log
