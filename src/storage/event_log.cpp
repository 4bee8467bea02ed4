// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>
#include <utility>

#include <troupe/detail/caller_place.hpp>
#include <troupe/event_sourced_server.hpp>

#include "storage/fault.hpp"

// A snapshot is written before the events it covers are removed, so whatever moment the machine
// stops at, snapshot and events together say everything. Events at or before the snapshot are
// history, and may be gone.

namespace troupe::detail {
namespace {

using storage::ErrorKind;
using storage::failure;
using storage::Result;

constexpr std::size_t page_size = 500;

std::string state_key(const EventLog& log) { return log.key + "/state"; }
std::string event_prefix(const std::string& key) { return key + "/event/"; }

struct NumberedEvent {
  std::uint64_t number = 0;
  Term value;
};

std::unexpected<storage::StorageError> missing(const EventLog& log, std::uint64_t number) {
  return failure(ErrorKind::corrupt, "event " + std::to_string(number) + " of " +
                                         to_elixir(Term::binary(log.key)) +
                                         " is missing; restore it from a backup");
}

std::optional<std::uint64_t> number_in(std::string_view key, std::string_view prefix) {
  key.remove_prefix(prefix.size());
  if (key.size() != 16) return std::nullopt;
  std::uint64_t number = 0;
  for (char c : key) {
    const auto digit = std::string_view{"0123456789abcdef"}.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    number = number << 4 | digit;
  }
  return number;
}

// Events that a snapshot covers may be gone in any order, if the machine stopped while they were
// removed; of those only the ones behind the last gap are of use.
enum class Gaps : std::uint8_t { are_damage, end_history };

// The events from `first` on.
Async<Result<std::vector<NumberedEvent>>> read_events(Process& self, EventLog log, Schema schema,
                                                      std::uint64_t first, Gaps gaps) {
  const CallerPlace place{self};
  const std::string prefix = event_prefix(log.key);
  std::optional<std::string> after = first > 0 ? event_key(log.key, first - 1) : prefix;
  std::vector<NumberedEvent> events;
  for (;;) {
    auto entries = co_await place(storage::page(self, log.pool, prefix, after, page_size));
    if (!entries) co_return std::unexpected(std::move(entries.error()));
    for (const storage::Entry& entry : *entries) {
      const auto number = number_in(entry.key, prefix);
      if (!number) continue;  // another server's, whose key goes on from ours
      if (!events.empty() && *number != events.back().number + 1) {
        if (gaps == Gaps::are_damage) co_return missing(log, events.back().number + 1);
        events.clear();
      }
      auto record = decode_record(event_kind, entry.value, entry.key);
      if (!record) co_return std::unexpected(std::move(record.error()));
      auto value = migrate(std::move(*record), schema, entry.key);
      if (!value) co_return std::unexpected(std::move(value.error()));
      events.push_back({*number, std::move(*value)});
    }
    if (entries->size() < page_size) co_return events;
    after = std::move(entries->back().key);
  }
}

}  // namespace

// Fixed width, so that the order of keys is the order of events.
std::string event_key(const std::string& key, std::uint64_t number) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(number));
  return event_prefix(key) + digits;
}

Async<Result<StoredEvents>> load_events(Process& self, EventLog log, Schema schema,
                                        Schema event_schema) {
  const CallerPlace place{self};
  StoredEvents stored;
  const std::string key = state_key(log);
  auto bytes = co_await place(storage::get(self, log.pool, key));
  if (!bytes) co_return std::unexpected(std::move(bytes.error()));
  if (*bytes) {
    auto record = decode_record(snapshot_kind, **bytes, key);
    if (!record) co_return std::unexpected(std::move(record.error()));
    const Term whole = record->value;
    const auto number = whole.is_tuple(2) ? whole[0].as_uint() : std::nullopt;
    if (!number) {
      co_return failure(ErrorKind::corrupt,
                        "the snapshot of " + to_elixir(Term::binary(log.key)) + " has no number");
    }
    record->value = whole[1];
    auto value = migrate(std::move(*record), schema, key);
    if (!value) co_return std::unexpected(std::move(value.error()));
    stored.snapshot = StoredRecord{schema.version, {}, std::move(*value)};
    stored.snapshot_number = *number;
  }
  auto events = co_await place(read_events(self, log, std::move(event_schema),
                                           stored.snapshot_number + 1, Gaps::are_damage));
  if (!events) co_return std::unexpected(std::move(events.error()));
  if (!events->empty() && events->front().number != stored.snapshot_number + 1) {
    co_return missing(log, stored.snapshot_number + 1);
  }
  for (NumberedEvent& event : *events) stored.events.push_back(std::move(event.value));
  co_return stored;
}

Async<Result<std::vector<Term>>> load_history(Process& self, EventLog log, Schema event_schema) {
  const CallerPlace place{self};
  auto events = co_await place(
      read_events(self, std::move(log), std::move(event_schema), 0, Gaps::end_history));
  if (!events) co_return std::unexpected(std::move(events.error()));
  std::vector<Term> values;
  for (NumberedEvent& event : *events) values.push_back(std::move(event.value));
  co_return values;
}

Async<bool> write_snapshot(Process& self, EventLog log, unsigned version, std::uint64_t number,
                           Term state) {
  const CallerPlace place{self};
  auto written = co_await place(storage::put(
      self, log.pool, state_key(log),
      encode_record(snapshot_kind, version, self.system_time(), tuple({number, std::move(state)})),
      infinity));
  if (!written) {
    report_state_error(log.key, written.error());
    co_return false;
  }
  if (log.keep_events == keep_all_events || log.keep_events >= number) co_return true;
  const std::string first_kept = event_key(log.key, number - log.keep_events + 1);
  std::vector<std::string> gone;
  auto keys = co_await place(storage::list(self, log.pool, event_prefix(log.key)));
  if (!keys) {
    report_state_error(log.key, keys.error());
    co_return true;
  }
  for (std::string& key : *keys) {
    if (key < first_kept && number_in(key, event_prefix(log.key))) gone.push_back(std::move(key));
  }
  auto removed = co_await place(storage::remove_all(self, log.pool, std::move(gone)));
  if (!removed) report_state_error(log.key, removed.error());
  co_return true;
}

}  // namespace troupe::detail
