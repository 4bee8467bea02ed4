// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <exception>
#include <utility>
#include <zlib.h>

#include <troupe/detail/caller_place.hpp>
#include <troupe/log.hpp>
#include <troupe/stored_state.hpp>

#include "storage/fault.hpp"

namespace troupe {
namespace {

using storage::ErrorKind;
using storage::failure;
using storage::Result;

constexpr unsigned record_version = 1;
constexpr std::size_t page_size = 500;

// erlang:crc32([<<Version:32, SavedAt:64>>, Bytes]).
std::uint32_t sum_of(unsigned version, std::int64_t saved_at, std::string_view bytes) {
  Bytef head[12];
  for (int i = 0; i < 4; ++i) head[i] = static_cast<Bytef>(version >> (24 - 8 * i));
  for (int i = 0; i < 8; ++i) {
    head[4 + i] = static_cast<Bytef>(static_cast<std::uint64_t>(saved_at) >> (56 - 8 * i));
  }
  const uLong sum = ::crc32_z(0, head, sizeof head);
  return static_cast<std::uint32_t>(
      ::crc32_z(sum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// Keys may be 64 KiB of anything.
std::string shown(std::string_view key) { return to_elixir(Term::binary(key.substr(0, 60))); }

Duration from_microseconds(std::int64_t count) { return std::chrono::microseconds{count}; }
std::int64_t to_microseconds(Duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

std::unexpected<storage::StorageError> no_record(std::string_view key, std::string_view why) {
  return failure(ErrorKind::corrupt,
                 "what is stored under " + shown(key) + " is damaged: " + std::string{why});
}

// What a term says of itself, as far as it can be told without the sum.
bool is_record(const Term& term) {
  if (!term.is_tuple() || term.size() < 2 || !term[1].is_integer()) return false;
  for (std::string_view kind : {detail::state_kind, detail::snapshot_kind, detail::event_kind}) {
    if (term[0].is_atom(kind)) return true;
  }
  return false;
}

// Calls visit(entry, record) for every record of any kind under the prefix.
template <class Visit>
Async<Result<void>> for_each_record(Process& self, storage::StorePool pool, std::string prefix,
                                    Visit visit) {
  const detail::CallerPlace place{self};
  std::optional<std::string> after;
  for (;;) {
    auto entries = co_await place(storage::page(self, pool, prefix, after, page_size));
    if (!entries) co_return std::unexpected(std::move(entries.error()));
    for (const storage::Entry& entry : *entries) {
      if (auto done = visit(entry); !done) co_return done;
    }
    if (entries->size() < page_size) co_return Result<void>{};
    after = std::move(entries->back().key);
  }
}

}  // namespace

namespace detail {

std::string encode_record(std::string_view kind, unsigned version, Duration now,
                          const Term& value) {
  const std::string bytes = term_to_binary(value);
  const std::int64_t saved_at = to_microseconds(now);
  return term_to_binary(tuple({atom(kind), record_version, version, saved_at,
                               sum_of(version, saved_at, bytes), Term::binary(bytes)}));
}

Result<StoredRecord> decode_record(std::string_view kind, std::string_view bytes,
                                   std::string_view key) {
  auto term = binary_to_term(bytes);
  if (!term) return no_record(key, to_string(term.error().code));
  if (!is_record(*term) || !(*term)[0].is_atom(kind)) {
    return failure(ErrorKind::foreign, "what is stored under " + shown(key) + " is no " +
                                           std::string{kind} + "; choose another key");
  }
  if ((*term)[1] > Term{record_version}) {
    return failure(ErrorKind::newer_version, "what is stored under " + shown(key) +
                                                 " was written by a newer Troupe; start that");
  }
  if (term->size() != 6 || (*term)[1] != Term{record_version})
    return no_record(key, "its record is incomplete");
  const auto version = (*term)[2].as_uint();
  const auto saved_at = (*term)[3].as_int();
  const auto sum = (*term)[4].as_uint();
  const auto value = (*term)[5].as_binary();
  if (!version || *version > 0xffff'ffff || !saved_at || !sum || !value) {
    return no_record(key, "its record is incomplete");
  }
  if (sum_of(static_cast<unsigned>(*version), *saved_at, *value) != *sum)
    return no_record(key, "its checksum differs");
  auto inner = binary_to_term(*value);
  if (!inner) return no_record(key, to_string(inner.error().code));
  return StoredRecord{static_cast<unsigned>(*version), from_microseconds(*saved_at),
                      std::move(*inner)};
}

Result<Term> migrate(StoredRecord record, const Schema& schema, std::string_view key) {
  if (record.version > schema.version) {
    return failure(ErrorKind::newer_version,
                   "the state under " + shown(key) + " has version " +
                       std::to_string(record.version) + ", this program reads up to " +
                       std::to_string(schema.version) + "; start the newer one");
  }
  for (unsigned version = record.version; version < schema.version; ++version) {
    const Migration* step = nullptr;
    for (const Migration& one : schema.migrations) {
      if (one.from == version && one.change) step = &one;
    }
    if (!step) {
      return failure(ErrorKind::no_migration,
                     "the state under " + shown(key) + " has version " +
                         std::to_string(record.version) + ", and there is no migration from " +
                         std::to_string(version) + " to " + std::to_string(version + 1));
    }
    try {
      record.value = step->change(record.value);
    } catch (const std::exception& refusal) {
      return failure(ErrorKind::wrong_type,
                     "the migration from version " + std::to_string(version) +
                         " refuses the state under " + shown(key) + ": " + refusal.what());
    }
  }
  return std::move(record.value);
}

Async<Result<void>> set_aside(Process& self, storage::StorePool pool, std::string key,
                              std::string bytes) {
  const detail::CallerPlace place{self};
  auto kept = co_await place(storage::put(self, pool, key + ".bad", std::move(bytes), infinity));
  if (!kept) co_return kept;
  co_return co_await place(storage::remove(self, pool, key, infinity));
}

namespace {

ExitReason reason_of(std::string_view what, const storage::StorageError& error) {
  return ExitReason{tuple({atom(what), Atom{name_of(error.kind)}, Term::binary(error.text)})};
}

}  // namespace

ExitReason bad_state(const storage::StorageError& error) { return reason_of("bad_state", error); }
ExitReason not_saved(const storage::StorageError& error) { return reason_of("not_saved", error); }

void report_state_error(std::string_view key, const storage::StorageError& error) {
  log::error("state of {}: {} ({})", shown(key), error.text, name_of(error.kind));
}

Async<Result<std::size_t>> check_stored(Process& self, storage::StorePool pool, std::string prefix,
                                        Schema schema) {
  const detail::CallerPlace place{self};
  std::size_t count = 0;
  auto done = co_await place(for_each_record(
      self, std::move(pool), std::move(prefix), [&](const storage::Entry& entry) -> Result<void> {
        const auto term = binary_to_term(entry.value);
        if (term && !is_record(*term)) return {};
        // Events have versions of their own, and are checked when they are replayed.
        if (term && (*term)[0].is_atom(event_kind)) return {};
        const bool is_snapshot = term && (*term)[0].is_atom(snapshot_kind);
        auto record =
            decode_record(is_snapshot ? snapshot_kind : state_kind, entry.value, entry.key);
        if (!record) return std::unexpected(std::move(record.error()));
        ++count;
        auto value = migrate(std::move(*record), schema, entry.key);
        if (!value) return std::unexpected(std::move(value.error()));
        return {};
      }));
  if (!done) co_return std::unexpected(std::move(done.error()));
  co_return count;
}

}  // namespace detail

Async<Result<std::size_t>> remove_stale(Process& self, storage::StorePool pool, std::string prefix,
                                        Duration max_age) {
  const detail::CallerPlace place{self};
  const Duration now = self.system_time();
  std::vector<std::string> stale;
  auto done = co_await place(for_each_record(
      self, pool, std::move(prefix), [&](const storage::Entry& entry) -> Result<void> {
        auto record = detail::decode_record(detail::state_kind, entry.value, entry.key);
        if (record && now - record->saved_at > max_age) stale.push_back(entry.key);
        return {};
      }));
  if (!done) co_return std::unexpected(std::move(done.error()));
  const std::size_t count = stale.size();
  if (auto removed = co_await place(storage::remove_all(self, pool, std::move(stale))); !removed) {
    co_return std::unexpected(std::move(removed.error()));
  }
  co_return count;
}

}  // namespace troupe
