// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/log_format.hpp"

#include <cstring>

#include "storage/crc32c.hpp"

namespace troupe::storage::log {
namespace {

constexpr std::uint32_t format = 1;
constexpr std::size_t crc_place = file_header_bytes - 4;

enum Kind : char { put_kind = 1, removal_kind = 2, end_kind = 3 };

template <class Number>
void append(std::string& bytes, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i) {
    bytes.push_back(static_cast<char>(number >> (8 * i)));
  }
}

template <class Number>
void store(char* place, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i) place[i] = static_cast<char>(number >> (8 * i));
}

template <class Number>
Number load(const char* place) {
  Number number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) {
    number |= static_cast<Number>(static_cast<unsigned char>(place[i])) << (8 * i);
  }
  return number;
}

}  // namespace

std::string encode(const FileHeader& header) {
  std::string bytes = header.snapshot ? "TrpS" : "TrpL";
  append(bytes, format);
  append(bytes, header.sequence);
  append(bytes, header.salt);
  append(bytes, header.identity);
  append(bytes, std::uint32_t{0});
  append(bytes, crc32c(bytes));
  return bytes;
}

std::expected<FileHeader, HeaderError> decode_file_header(std::string_view bytes) {
  if (bytes.size() < file_header_bytes) return std::unexpected(HeaderError::damaged);
  const bool snapshot = bytes.starts_with("TrpS");
  if (!snapshot && !bytes.starts_with("TrpL")) return std::unexpected(HeaderError::damaged);
  if (load<std::uint32_t>(bytes.data() + crc_place) != crc32c(bytes.substr(0, crc_place))) {
    return std::unexpected(HeaderError::damaged);
  }
  if (load<std::uint32_t>(bytes.data() + 4) != format) {
    return std::unexpected(HeaderError::newer_format);
  }
  return FileHeader{snapshot, load<std::uint64_t>(bytes.data() + 8),
                    load<std::uint64_t>(bytes.data() + 16), load<std::uint64_t>(bytes.data() + 24)};
}

RecordHeader decode_record_header(const char* bytes) {
  return {load<std::uint32_t>(bytes), load<std::uint32_t>(bytes + 4),
          load<std::uint64_t>(bytes + 8), load<std::uint64_t>(bytes + 16)};
}

std::uint32_t checksum_seed(std::uint64_t salt) {
  std::string bytes;
  append(bytes, salt);
  return crc32c(bytes);
}

std::uint32_t record_checksum(std::uint32_t seed, const char* header, std::string_view payload) {
  std::uint32_t crc = crc32c({header, 4}, seed);
  crc = crc32c({header + 8, record_header_bytes - 8}, crc);
  return crc32c(payload, crc);
}

void begin_record(std::string& bytes) { bytes.assign(record_header_bytes, '\0'); }

std::size_t encoded_size(const Change& change) {
  return change.removal ? 5 + change.key.size()
                        : put_head_bytes + change.key.size() + change.value.size();
}

std::string put_head(std::size_t key_bytes, std::size_t value_bytes) {
  std::string bytes(1, put_kind);
  append(bytes, static_cast<std::uint32_t>(key_bytes));
  append(bytes, static_cast<std::uint32_t>(value_bytes));
  return bytes;
}

void append_change(std::string& bytes, const Change& change) {
  bytes.push_back(change.removal ? removal_kind : put_kind);
  append(bytes, static_cast<std::uint32_t>(change.key.size()));
  if (!change.removal) append(bytes, static_cast<std::uint32_t>(change.value.size()));
  bytes += change.key;
  if (!change.removal) bytes += change.value;
}

void append_end(std::string& bytes, const SnapshotEnd& end) {
  bytes.push_back(end_kind);
  append(bytes, end.entries);
  append(bytes, end.horizon);
}

void seal_record(std::string& bytes, std::uint32_t seed, std::uint64_t sequence,
                 std::uint64_t synced) {
  const std::string_view payload = std::string_view{bytes}.substr(record_header_bytes);
  char* header = bytes.data();
  store(header, static_cast<std::uint32_t>(payload.size()));
  store(header + 8, sequence);
  store(header + 16, synced);
  store(header + 4, record_checksum(seed, header, payload));
}

std::optional<std::string_view> PayloadReader::take(std::size_t count) {
  if (rest_.size() < count) return std::nullopt;
  const std::string_view taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

PayloadReader::Item PayloadReader::next() {
  offset_ = size_ - rest_.size();
  if (rest_.empty()) return Item::finished;
  const char kind = rest_.front();
  rest_.remove_prefix(1);
  if (kind == put_kind || kind == removal_kind) {
    const bool removal = kind == removal_kind;
    const auto lengths = take(removal ? 4 : 8);
    if (!lengths) return Item::malformed;
    const auto key_length = load<std::uint32_t>(lengths->data());
    const auto value_length = removal ? 0 : load<std::uint32_t>(lengths->data() + 4);
    if (key_length > max_key_bytes || value_length > max_value_bytes) return Item::malformed;
    const auto key = take(key_length);
    const auto value = take(value_length);
    if (!key || !value) return Item::malformed;
    change_ = {*key, *value, removal};
    return Item::change;
  }
  if (kind == end_kind) {
    const auto numbers = take(16);
    if (!numbers) return Item::malformed;
    end_ = {load<std::uint64_t>(numbers->data()), load<std::uint64_t>(numbers->data() + 8)};
    return Item::snapshot_end;
  }
  return Item::malformed;
}

}  // namespace troupe::storage::log
