// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <utility>

#include <troupe/storage.hpp>

#include "storage/fault.hpp"

namespace troupe::storage {
namespace {

Result<void> refuse_closed() { return failure(ErrorKind::closed, "the store was closed"); }

Result<void> check_key(std::string_view key) {
  if (key.size() <= max_key_bytes) return {};
  return failure(ErrorKind::too_large, "a key of " + std::to_string(key.size()) +
                                           " bytes is over the limit of " +
                                           std::to_string(max_key_bytes));
}

Result<void> check_batch(std::span<const Change> changes) {
  std::size_t total = 0;
  for (const Change& change : changes) {
    if (auto fine = check_key(change.key); !fine) return fine;
    if (change.value.size() > max_value_bytes) {
      return failure(ErrorKind::too_large, "a value of " + std::to_string(change.value.size()) +
                                               " bytes is over the limit of " +
                                               std::to_string(max_value_bytes));
    }
    total += change.key.size() + change.value.size();
    if (total > max_batch_bytes) {
      return failure(ErrorKind::too_large,
                     "a batch is over the limit of " + std::to_string(max_batch_bytes) + " bytes");
    }
  }
  return {};
}

}  // namespace

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::io:
      return "io";
    case ErrorKind::full_disk:
      return "full_disk";
    case ErrorKind::read_only:
      return "read_only";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::foreign:
      return "foreign";
    case ErrorKind::locked_by_other:
      return "locked_by_other";
    case ErrorKind::newer_version:
      return "newer_version";
    case ErrorKind::closed:
      return "closed";
    case ErrorKind::poisoned:
      return "poisoned";
    case ErrorKind::too_large:
      return "too_large";
    case ErrorKind::wrong_type:
      return "wrong_type";
    case ErrorKind::no_migration:
      return "no_migration";
    case ErrorKind::busy:
      return "busy";
    case ErrorKind::unavailable:
      return "unavailable";
  }
  return "unknown";
}

Result<std::optional<std::string>> Store::get(std::string_view key) {
  if (closed_) return std::unexpected(refuse_closed().error());
  if (auto fine = check_key(key); !fine) return std::unexpected(std::move(fine.error()));
  return do_get(key);
}

Result<void> Store::put(std::string_view key, std::string_view value) {
  const Change change = Change::put(key, value);
  return write_batch({&change, 1});
}

Result<void> Store::remove(std::string_view key) {
  const Change change = Change::remove(key);
  return write_batch({&change, 1});
}

Result<void> Store::write_batch(std::span<const Change> changes) {
  if (closed_) return refuse_closed();
  if (changes.empty()) return {};
  if (auto fine = check_batch(changes); !fine) return fine;
  return do_write(changes);
}

Result<std::vector<std::string>> Store::list(std::string_view prefix) {
  std::vector<std::string> keys;
  auto done = visit(
      {prefix, {}, false},
      [](void* object, std::string_view key, std::string_view) {
        static_cast<std::vector<std::string>*>(object)->emplace_back(key);
        return true;
      },
      &keys);
  if (!done) return std::unexpected(std::move(done.error()));
  return keys;
}

Result<std::vector<Entry>> Store::page(std::string_view prefix,
                                       std::optional<std::string_view> after, std::size_t limit) {
  struct Page {
    std::vector<Entry> entries;
    std::size_t limit;
  } page{{}, limit};
  if (limit == 0) return std::move(page.entries);
  auto done = visit(
      {prefix, after, true},
      [](void* object, std::string_view key, std::string_view value) {
        auto& wanted = *static_cast<Page*>(object);
        wanted.entries.push_back({std::string{key}, std::string{value}});
        return wanted.entries.size() < wanted.limit;
      },
      &page);
  if (!done) return std::unexpected(std::move(done.error()));
  return std::move(page.entries);
}

Result<void> Store::visit(const Scan& scan, Visit visitor, void* object) {
  if (closed_) return refuse_closed();
  return do_visit(scan, visitor, object);
}

Result<void> Store::sweep(Visit visitor, void* object) {
  if (closed_) return refuse_closed();
  return do_sweep(visitor, object);
}

Result<void> Store::do_sweep(Visit visitor, void* object) {
  return do_visit({{}, {}, true}, visitor, object);
}

Result<Portion> Store::portion(const std::optional<std::string>& from, std::size_t limit) {
  if (closed_) return std::unexpected(refuse_closed().error());
  return do_portion(from, std::max<std::size_t>(limit, 1));
}

Result<Portion> Store::do_portion(const std::optional<std::string>& from, std::size_t limit) {
  auto entries = page({}, from, limit);
  if (!entries) return std::unexpected(std::move(entries.error()));
  Portion portion{std::move(*entries), {}};
  if (portion.entries.size() == limit) portion.next = portion.entries.back().key;
  return portion;
}

Result<void> Store::flush() {
  if (closed_) return refuse_closed();
  return do_flush();
}

Result<void> Store::compact() {
  if (closed_) return refuse_closed();
  return do_compact();
}

Result<void> Store::close() {
  if (closed_) return {};
  closed_ = true;
  return do_close();
}

}  // namespace troupe::storage
