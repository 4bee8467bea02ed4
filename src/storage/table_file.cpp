// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <cstdint>
#include <span>

#include <troupe/table_file.hpp>

#include "storage/crc32c.hpp"
#include "storage/disk.hpp"
#include "storage/fault.hpp"
#include "storage/table_image.hpp"

// The file, numbers big-endian:
//
//   0   8   "TRPTAB1\n"; the digit is the version
//   8       blocks: length (4), CRC-32C of the bytes (4), bytes: a term in the external format
//
// Each block is a list of at most 1,000 entries {Key, Value}; the last is the number of entries, so
// that a file that was cut between two blocks is noticed too.

namespace troupe::storage {
namespace {

constexpr std::string_view title = "TRPTAB1\n";
constexpr std::size_t block_entries = 1'000;
constexpr std::size_t max_file_bytes = std::size_t{4} << 30;

void append_number(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}
std::uint32_t take_number(std::string_view& bytes) {
  std::uint32_t value = 0;
  for (char c : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
  bytes.remove_prefix(4);
  return value;
}

void append_block(std::string& out, const Term& term) {
  const std::string bytes = term_to_binary(term);
  append_number(out, static_cast<std::uint32_t>(bytes.size()));
  append_number(out, crc32c(bytes));
  out += bytes;
}

std::unexpected<StorageError> damaged(const std::string& path) {
  return failure(ErrorKind::corrupt,
                 "table file " + path + " is damaged; restore it from a backup");
}

bool is_block(const Term& term) {
  if (!term.is_proper_list()) return false;
  for (const Term& entry : term.elements()) {
    if (!entry.is_tuple(2)) return false;
  }
  return true;
}

}  // namespace

std::string table_image(const std::vector<Term>& entries) {
  std::string bytes{title};
  const std::span all{entries};
  for (std::size_t at = 0; at < all.size(); at += block_entries) {
    append_block(bytes, list(all.subspan(at, std::min(block_entries, all.size() - at))));
  }
  append_block(bytes, entries.size());
  return bytes;
}

Result<std::vector<Term>> parse_table(std::string_view bytes, const std::string& path) {
  if (!bytes.starts_with(title.substr(0, 6))) {
    return failure(ErrorKind::foreign, "file " + path + " is no table file");
  }
  if (bytes.size() < title.size()) return damaged(path);
  if (!bytes.starts_with(title)) {
    return failure(ErrorKind::newer_version,
                   "table file " + path + " was written by a newer Troupe; start that");
  }
  bytes.remove_prefix(title.size());
  std::vector<Term> entries;
  for (;;) {
    if (bytes.size() < 8) return damaged(path);
    const std::uint32_t size = take_number(bytes);
    const std::uint32_t sum = take_number(bytes);
    if (bytes.size() < size) return damaged(path);
    const std::string_view block = bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (crc32c(block) != sum) return damaged(path);
    // What we wrote ourselves may be larger than what we take from strangers.
    DecodeOptions options;
    options.limits.bytes = max_file_bytes;
    auto term = binary_to_term(block, options);
    if (!term) return damaged(path);
    if (const auto count = term->as_uint()) {
      if (*count != entries.size() || !bytes.empty()) return damaged(path);
      return entries;
    }
    if (!is_block(*term)) return damaged(path);
    for (const Term& entry : term->elements()) entries.push_back(entry);
  }
}

}  // namespace troupe::storage

namespace troupe::detail {

storage::Result<void> write_table_file(const std::string& path, const std::vector<Term>& entries) {
  const std::string bytes = storage::table_image(entries);
  if (bytes.size() > storage::max_file_bytes) {
    return storage::failure(storage::ErrorKind::too_large,
                            "table file " + path + " would be over 4 GiB");
  }
  auto done = storage::replace_file(storage::real_disk(), path, bytes);
  if (!done) return storage::failure(done.error(), "write", path);
  return {};
}

storage::Result<std::vector<Term>> read_table_file(const std::string& path) {
  auto file = storage::read_file(storage::real_disk(), path, storage::max_file_bytes);
  if (!file) return storage::failure(file.error(), "read", path);
  return storage::parse_table(*file, path);
}

}  // namespace troupe::detail
