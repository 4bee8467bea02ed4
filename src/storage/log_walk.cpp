// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/log_walk.hpp"

#include <string>
#include <utility>

#include "storage/fault.hpp"
#include "storage/log_snapshot.hpp"

namespace troupe::storage::log {

LogWalk::LogWalk(LogFilePtr file)
    : file_{std::move(file)},
      reader_{*file_->file, file_header_bytes, file_->end, file_->seed},
      sequence_{file_->first} {}

Result<bool> LogWalk::next_record() {
  const std::uint64_t place = reader_.offset();
  const auto status = reader_.next(sequence_);
  if (!status) return failure(status.error(), "read", file_->path);
  if (*status == RecordReader::Status::end) return false;
  if (*status == RecordReader::Status::bad) {
    return std::unexpected(damaged_file(file_->path, place, "record " + std::to_string(sequence_)));
  }
  ++sequence_;
  payload_.emplace(reader_.payload());
  payload_at_ = place + record_header_bytes;
  return true;
}

Result<bool> LogWalk::next() {
  for (;;) {
    const auto item = payload_ ? payload_->next() : PayloadReader::Item::finished;
    switch (item) {
      case PayloadReader::Item::change:
        if (!payload_->change().removal) return true;
        break;
      case PayloadReader::Item::snapshot_end:
        break;
      case PayloadReader::Item::malformed:
        return std::unexpected(damaged_file(file_->path, payload_at_, "the contents of a record"));
      case PayloadReader::Item::finished:
        auto more = next_record();
        if (!more || !*more) return more;
        break;
    }
  }
}

}  // namespace troupe::storage::log
