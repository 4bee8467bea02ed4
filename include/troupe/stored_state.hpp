// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/store_pool.hpp>

// What persistent servers (persistent_server.hpp, event_sourced_server.hpp) leave in a store, and
// what can be done with it while no server runs.
//
// A record is one term, readable from Erlang and Elixir:
//
//     {Kind, 1, SchemaVersion, SavedAt, Sum, Bytes}
//
// Kind is troupe_state, troupe_snapshot or troupe_event; 1 the version of this tuple; SavedAt
// microseconds since 1970; Bytes the value in the external term format, and Sum
// erlang:crc32([<<SchemaVersion:32, SavedAt:64>>, Bytes]).
namespace troupe {

// Changes a stored state of version `from` into one of version `from + 1`. A term that is not what
// version `from` looked like is refused by throwing.
struct Migration {
  unsigned from = 0;
  Term (*change)(const Term& old) = nullptr;
};
using Migrations = std::vector<Migration>;

namespace detail {

inline constexpr std::string_view state_kind = "troupe_state";
inline constexpr std::string_view snapshot_kind = "troupe_snapshot";
inline constexpr std::string_view event_kind = "troupe_event";

// The form of what a server stores: its version, and how older ones become it.
struct Schema {
  unsigned version = 1;
  Migrations migrations;
};
template <class S>
Schema schema_of() {
  Schema schema;
  if constexpr (requires { S::schema_version; }) schema.version = S::schema_version;
  if constexpr (requires { S::migrations(); }) schema.migrations = S::migrations();
  return schema;
}

struct StoredRecord {
  unsigned version = 0;
  Duration saved_at{};  // since 1970
  Term value;
};

std::string encode_record(std::string_view kind, unsigned version, Duration now, const Term& value);
// `key` is for the text of errors: corrupt, newer_version, foreign.
storage::Result<StoredRecord> decode_record(std::string_view kind, std::string_view bytes,
                                            std::string_view key);
// The value in the schema's version: newer_version, no_migration, or wrong_type if a step throws.
storage::Result<Term> migrate(StoredRecord record, const Schema& schema, std::string_view key);

// What is not readable is kept under KEY.bad, and KEY is free.
Async<storage::Result<void>> set_aside(Process& self, storage::StorePool pool, std::string key,
                                       std::string bytes);

Async<storage::Result<std::size_t>> check_stored(Process& self, storage::StorePool pool,
                                                 std::string prefix, Schema schema);

ExitReason bad_state(const storage::StorageError& error);
ExitReason not_saved(const storage::StorageError& error);
void report_state_error(std::string_view key, const storage::StorageError& error);

}  // namespace detail

// For the start of an application, before its servers: reads everything that servers of type S have
// stored under keys with this prefix, and answers how many records there were. The first that has
// no path to S::schema_version, comes from a newer program, or is damaged is the error, and names
// its key.
template <class S>
Async<storage::Result<std::size_t>> check_stored(Process& self, storage::StorePool pool,
                                                 std::string prefix = {}) {
  return detail::check_stored(self, std::move(pool), std::move(prefix), detail::schema_of<S>());
}

// Removes the states under keys with this prefix that were saved longer ago than max_age, and
// answers how many. What is no state, or cannot be read, stays.
Async<storage::Result<std::size_t>> remove_stale(Process& self, storage::StorePool pool,
                                                 std::string prefix, Duration max_age);

}  // namespace troupe
