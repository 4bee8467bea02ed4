// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/log_reader.hpp"

#include <algorithm>

namespace troupe::storage::log {
namespace {

constexpr std::uint64_t window_bytes = 1 << 20;

}  // namespace

Outcome<std::string_view> RecordReader::view(std::uint64_t offset, std::uint64_t count) {
  count = std::min(count, size_ - std::min(offset, size_));
  const bool inside = offset >= window_at_ && offset + count <= window_at_ + window_.size();
  if (!inside) {
    const std::uint64_t wanted = std::min(std::max(count, window_bytes), size_ - offset);
    window_.resize(static_cast<std::size_t>(wanted));
    window_at_ = offset;
    auto read = file_.read(offset, window_);
    if (!read) {
      window_.clear();
      return std::unexpected(read.error());
    }
    window_.resize(*read);
  }
  return std::string_view{window_}.substr(static_cast<std::size_t>(offset - window_at_));
}

Outcome<RecordReader::Status> RecordReader::next(std::uint64_t sequence) {
  if (offset_ >= size_) return Status::end;
  auto bytes = view(offset_, record_header_bytes);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->size() < record_header_bytes) return Status::bad;
  const RecordHeader header = decode_record_header(bytes->data());
  // Before the payload is read: a damaged length must not make us read gigabytes.
  if (header.sequence != sequence || header.synced >= sequence) return Status::bad;
  const std::uint64_t whole = record_header_bytes + std::uint64_t{header.length};
  if (header.length > max_payload_bytes || whole > size_ - offset_) return Status::bad;
  bytes = view(offset_, whole);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->size() < whole) return Status::bad;
  const auto payload = bytes->substr(record_header_bytes, header.length);
  if (record_checksum(seed_, bytes->data(), payload) != header.crc) return Status::bad;
  payload_ = payload;
  synced_ = header.synced;
  offset_ += whole;
  return Status::record;
}

Outcome<bool> RecordReader::was_synced(std::uint64_t sequence) {
  // Each candidate costs a checksum of up to its length. Chance gives next to none; whoever made a
  // file of nothing but candidates does not get quadratic time for it, but a loud refusal.
  std::uint64_t budget = 4 * size_ + window_bytes;
  for (std::uint64_t at = offset_; at + record_header_bytes <= size_; ++at) {
    auto bytes = view(at, record_header_bytes);
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->size() < record_header_bytes) return false;
    const RecordHeader header = decode_record_header(bytes->data());
    if (header.sequence <= sequence || header.synced < sequence) continue;
    if (header.synced >= header.sequence) continue;
    const std::uint64_t room = size_ - at - record_header_bytes;
    if (header.length > room || header.sequence - sequence > size_) continue;
    if (budget < header.length) return true;
    budget -= header.length;
    bytes = view(at, record_header_bytes + std::uint64_t{header.length});
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->size() < record_header_bytes + std::uint64_t{header.length}) continue;
    const auto payload = bytes->substr(record_header_bytes, header.length);
    if (record_checksum(seed_, bytes->data(), payload) == header.crc) return true;
  }
  return false;
}

}  // namespace troupe::storage::log
