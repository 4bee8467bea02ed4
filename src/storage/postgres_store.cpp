// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <utility>
#include <vector>

#include <troupe/storage_postgres.hpp>

#include "storage/crc32c.hpp"
#include "storage/fault.hpp"
#include "storage/postgres_connection.hpp"

// Two guards keep two owners apart. The advisory lock, held by the session, refuses a second owner
// while the first has its connection, and is a barrier: who gets it knows that every statement of
// the session before has ended. The epoch, a number in troupe_owner, is for when the lock cannot
// help: a failover to another server, or an owner that was cut off and comes back. It is read `FOR
// SHARE` in the very statement that writes, so a new owner's claim comes before or after the batch,
// never in between. Entries carry epoch and version (the number of the batch within the epoch) and
// give way only to later ones: the last line of defence, and what makes a repeated batch harmless.
//
// Keys may be 64 KiB, but an index entry at most a third of a page. So the index has the first
// 1,000 bytes and, of longer keys, a hash of the whole; order among keys that begin alike is sorted
// out by the query. A column for that would hold every key twice.

namespace troupe::storage {
namespace {

using postgres::Connection;
using postgres::Parameters;

constexpr std::int64_t schema_version = 1;
constexpr int oldest_server = 120'000;
// Of one statement, so that a batch of a gigabyte needs no such buffer on either side.
constexpr std::size_t statement_bytes = 16u << 20;
constexpr std::size_t statement_changes = 50'000;

// What the index has of a key.
std::string head(const std::string& key) { return "substring(" + key + " from 1 for 1000)"; }
std::string tail(const std::string& key) {
  return "(CASE WHEN length(" + key + ") <= 1000 THEN ''::bytea ELSE sha256(" + key + ") END)";
}
std::string same_key(const std::string& one, const std::string& other) {
  return head(one) + " = " + head(other) + " AND " + tail(one) + " = " + tail(other) + " AND " +
         one + " = " + other;
}

// The lock is for two that create the tables at once; it goes with the transaction.
std::string create_schema() {
  return "BEGIN;"
         "SELECT pg_advisory_xact_lock(8390880, 1);"
         "CREATE TABLE IF NOT EXISTS troupe_about (format int8 NOT NULL);"
         "INSERT INTO troupe_about SELECT 1 WHERE NOT EXISTS (SELECT FROM troupe_about);"
         "CREATE TABLE IF NOT EXISTS troupe_owner (space text PRIMARY KEY, epoch int8 NOT NULL,"
         " owner text NOT NULL, since timestamptz NOT NULL);"
         "CREATE TABLE IF NOT EXISTS troupe_entry (space text NOT NULL, key bytea NOT NULL,"
         " value bytea NOT NULL, sum int4 NOT NULL, epoch int8 NOT NULL, version int8 NOT NULL);"
         "CREATE UNIQUE INDEX IF NOT EXISTS troupe_entry_key ON troupe_entry (space, (" +
         head("key") + "), " + tail("key") + ");COMMIT";
}

std::string get_entry() {
  return "SELECT value, sum FROM troupe_entry WHERE space = $1::text AND " +
         same_key("key", "$2::bytea");
}

std::string witness_entry() {
  return "SELECT FROM troupe_entry WHERE space = $1::text AND " + same_key("key", "$2::bytea") +
         " AND epoch = $3::int8 AND version >= $4::int8";
}

// Nothing is written where the epoch is not ours, and the first column says so. An entry that would
// not give way is an error (a division by zero), which takes everything back.
std::string write_entries() {
  return "WITH owner AS (SELECT epoch FROM troupe_owner WHERE space = $1::text AND epoch = $2::int8"
         "  FOR SHARE),"
         " removed AS (DELETE FROM troupe_entry e USING owner, unnest($3::bytea[]) AS gone(key)"
         "  WHERE e.space = $1::text AND " +
         same_key("e.key", "gone.key") +
         "),"
         " written AS (INSERT INTO troupe_entry (space, key, value, sum, epoch, version)"
         "  SELECT $1::text, change.key, change.value, change.sum, $2::int8, $7::int8"
         "  FROM owner, unnest($4::bytea[], $5::bytea[], $6::int4[]) AS change(key, value, sum)"
         "  ON CONFLICT (space, (" +
         head("key") + "), " + tail("key") +
         ") DO UPDATE"
         "  SET value = excluded.value, sum = excluded.sum, epoch = excluded.epoch,"
         "  version = excluded.version"
         "  WHERE (troupe_entry.epoch, troupe_entry.version) <= (excluded.epoch, excluded.version)"
         "  RETURNING 1)"
         " SELECT (SELECT count(*) FROM owner), CASE WHEN (SELECT count(*) FROM owner) = 0 THEN 0"
         "  ELSE 1 / ((SELECT count(*) FROM written) = cardinality($4::bytea[]))::int END";
}

constexpr const char* lock_space =
    "SELECT pg_advisory_lock(hashtextextended(current_schema() || '/troupe/' || $1::text, 0))";

std::int32_t checksum(std::string_view key, std::string_view value) {
  return static_cast<std::int32_t>(crc32c(value, crc32c(key)));
}

// The first key behind all keys with this prefix; empty: there is none.
std::string behind_prefix(std::string_view prefix) {
  std::string bound{prefix};
  while (!bound.empty() && static_cast<unsigned char>(bound.back()) == 0xFF) bound.pop_back();
  if (!bound.empty()) bound.back() = static_cast<char>(bound.back() + 1);
  return bound;
}

std::string this_process() {
  char host[256] = "unknown host";
  (void)::gethostname(host, sizeof host - 1);
  return std::string{host} + ", process " + std::to_string(::getpid());
}

// What is left of a batch when of two changes of a key only the later counts, as the parameters of
// one or more statements.
struct Part {
  std::vector<std::string_view> removed, keys, values;
  std::vector<std::int32_t> sums;
  std::size_t bytes = 0;

  void add(const Change& change) {
    bytes += change.key.size() + change.value.size();
    if (change.removal) {
      removed.push_back(change.key);
      return;
    }
    keys.push_back(change.key);
    values.push_back(change.value);
    sums.push_back(checksum(change.key, change.value));
  }
  bool is_full() const {
    return bytes >= statement_bytes || keys.size() + removed.size() >= statement_changes;
  }
};

std::vector<Part> parts_of(std::span<const Change> changes) {
  std::unordered_map<std::string_view, std::size_t> last;
  for (std::size_t i = 0; i < changes.size(); ++i) last[changes[i].key] = i;
  std::vector<Part> parts(1);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (last[changes[i].key] != i) continue;
    if (parts.back().is_full()) parts.emplace_back();
    parts.back().add(changes[i]);
  }
  return parts;
}

class PostgresStore final : public Store {
 public:
  explicit PostgresStore(const PostgresOptions& options)
      : options_{options}, connection_{options.space} {
    if (options_.owner.empty()) options_.owner = this_process();
  }
  ~PostgresStore() override { (void)close(); }

  Result<void> open();

 private:
  Result<std::optional<std::string>> do_get(std::string_view key) override;
  Result<void> do_write(std::span<const Change> changes) override;
  Result<void> do_visit(const Scan& scan, Visit visitor, void* object) override;
  Result<void> do_flush() override;
  // The server's own vacuum does that.
  Result<void> do_compact() override { return do_flush(); }
  Result<void> do_close() override;

  Result<void> connect();
  Result<void> check_server();
  Result<void> relax();
  Result<void> prepare_schema();
  Result<void> lock(std::uint32_t timeout_ms);
  Result<void> claim();
  Result<void> reconnect(std::span<const Change> unanswered = {});
  Result<void> connect_within(std::uint32_t limit_ms);
  Result<void> resume(std::span<const Change> unanswered);
  Result<void> check_kept(std::span<const Change> unanswered);
  // Runs what only reads, again if the connection was lost.
  template <class Read>
  auto with_connection(Read read) -> decltype(read());

  Result<void> write_once(std::span<const Part> parts);
  Result<void> write_again(std::span<const Part> parts, std::span<const Change> changes);
  Result<void> write_part(const Part& part);
  Result<std::optional<std::string>> read_entry(std::string_view key);
  Result<void> fetch_all(const Scan& scan, Visit visitor, void* object);
  void remember(std::span<const Part> written);
  std::unexpected<StorageError> poison(ErrorKind kind, std::string text);
  std::unexpected<StorageError> taken_over();
  std::unexpected<StorageError> damaged() const;

  PostgresOptions options_;
  Connection connection_;
  std::int64_t epoch_ = 0;    // 0: not claimed
  std::int64_t version_ = 0;  // of the last batch
  std::optional<std::string> poison_;

  // Something that the last answered batch has put: a server that still has it has that batch, and
  // so all before it. Null if that batch has only removed.
  struct Witness {
    std::string key;
    std::int64_t version;
  };
  std::optional<Witness> witness_;
  bool is_unflushed_ = false;  // something was answered that the server may lose
  const std::string get_ = get_entry();
  const std::string write_ = write_entries();
};

Result<void> PostgresStore::open() {
  if (options_.space.empty() || options_.space.size() > 64) {
    return failure(ErrorKind::io, "a PostgreSQL store's space has 1 to 64 bytes in its name");
  }
  if (auto done = connect(); !done) return done;
  if (auto done = prepare_schema(); !done) return done;
  if (auto done = lock(options_.lock_timeout_ms); !done) return done;
  return claim();
}

Result<void> PostgresStore::connect() {
  if (auto done = connection_.open(options_.connection, options_.connect_timeout_ms); !done) {
    return done;
  }
  return check_server();
}

Result<void> PostgresStore::check_server() {
  if (connection_.server_version() < oldest_server) {
    return failure(ErrorKind::io, connection_.subject() + " needs PostgreSQL 12 or later");
  }
  const std::string settings =
      "SET statement_timeout = " + std::to_string(options_.statement_timeout_ms) +
      "; SET default_transaction_isolation = 'read committed'"
      "; SELECT current_setting('fsync'), current_setting('synchronous_commit'),"
      " pg_is_in_recovery()";
  const auto rows = connection_.execute(settings.c_str(), "configure");
  if (!rows) return std::unexpected(rows.error());
  if (rows->bytes(0, 0) != "on") {
    return failure(ErrorKind::io, connection_.subject() +
                                      " is on a server with fsync off, which would lose what it "
                                      "acknowledged; set fsync = on in postgresql.conf");
  }
  // It may be behind, and its locks are its own.
  if (rows->bytes(0, 2) == "t") {
    return failure(ErrorKind::read_only,
                   connection_.subject() +
                       " is on a standby; connect to the primary, of several hosts with "
                       "target_session_attrs=read-write");
  }
  // The user's or the database's setting may be laxer than what was asked for here.
  if (rows->bytes(0, 1) == "off") {
    if (auto set = connection_.execute("SET synchronous_commit = on", "configure"); !set) {
      return std::unexpected(set.error());
    }
  }
  return {};
}

// Once the space is claimed: a server that lost a claim would give its epoch a second time.
Result<void> PostgresStore::relax() {
  if (options_.durability != Durability::relaxed) return {};
  auto set = connection_.execute("SET synchronous_commit = off", "configure");
  if (!set) return std::unexpected(set.error());
  return {};
}

Result<void> PostgresStore::prepare_schema() {
  const auto found = connection_.execute("SELECT to_regclass('troupe_about') IS NULL", "look for");
  if (!found) return std::unexpected(found.error());
  if (found->bytes(0, 0) == "t") {
    if (auto made = connection_.execute(create_schema().c_str(), "make the tables of"); !made) {
      return std::unexpected(made.error());
    }
  }
  const auto format = connection_.execute("SELECT format FROM troupe_about", {}, "read");
  if (!format) {
    return failure(ErrorKind::foreign, "the table troupe_about of " + connection_.subject() +
                                           " belongs to another program; use another schema");
  }
  if (format->count() != 1) {
    return failure(ErrorKind::corrupt,
                   "the table troupe_about of " + connection_.subject() + " was changed");
  }
  if (format->number(0, 0) > schema_version) {
    return failure(ErrorKind::newer_version,
                   connection_.subject() + " has format " + std::to_string(format->number(0, 0)) +
                       ", this program reads up to " + std::to_string(schema_version) +
                       "; start the newer version that made it");
  }
  return {};
}

Result<void> PostgresStore::lock(std::uint32_t timeout_ms) {
  const std::string limit = "SET lock_timeout = " + std::to_string(std::max(timeout_ms, 1U));
  if (auto set = connection_.execute(limit.c_str(), "configure"); !set) {
    return std::unexpected(set.error());
  }
  Parameters space;
  space.bytes(options_.space);
  auto locked = connection_.execute(lock_space, space, "lock");
  if (locked) return {};
  if (locked.error().kind != ErrorKind::locked_by_other) return std::unexpected(locked.error());
  std::string text = connection_.subject() + " is in use";
  const auto owner = connection_.execute(
      "SELECT owner, to_char(since, 'YYYY-MM-DD HH24:MI:SS TZ') FROM troupe_owner"
      " WHERE space = $1::text",
      space, "read");
  if (owner && owner->count() == 1) {
    text += " by " + std::string{owner->bytes(0, 0)} + " since ";
    text += owner->bytes(0, 1);
  }
  return failure(ErrorKind::locked_by_other, text + "; stop it, or use another space");
}

Result<void> PostgresStore::claim() {
  Parameters parameters;
  parameters.bytes(options_.space).bytes(options_.owner);
  const auto claimed = connection_.execute(
      "INSERT INTO troupe_owner VALUES ($1::text, 1, $2::text, now()) ON CONFLICT (space) DO UPDATE"
      " SET epoch = troupe_owner.epoch + 1, owner = excluded.owner, since = excluded.since"
      " RETURNING epoch",
      parameters, "claim");
  if (!claimed) return std::unexpected(claimed.error());
  epoch_ = claimed->number(0, 0);
  return relax();
}

// The same owner goes on in the same epoch, or not at all. `unanswered` is the batch of which it is
// not known whether it was written.
Result<void> PostgresStore::reconnect(std::span<const Change> unanswered) {
  if (poison_) return failure(ErrorKind::poisoned, *poison_);
  auto done = connect_within(options_.connect_timeout_ms);
  if (done) done = resume(unanswered);
  if (!done) connection_.close();  // Half connected it would look usable.
  return done;
}

// A server that is started again refuses at first, and then while it recovers.
Result<void> PostgresStore::connect_within(std::uint32_t limit_ms) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds pause{50};
  const Clock::time_point end = Clock::now() + std::chrono::milliseconds{limit_ms};
  for (;;) {
    connection_.close();
    auto done = connect();
    if (done || Clock::now() + pause >= end) return done;
    std::this_thread::sleep_for(pause);
  }
}

Result<void> PostgresStore::resume(std::span<const Change> unanswered) {
  if (auto done = lock(options_.connect_timeout_ms); !done) return done;
  Parameters space;
  space.bytes(options_.space);
  const auto epoch = connection_.execute("SELECT epoch FROM troupe_owner WHERE space = $1::text",
                                         space, "read the owner of");
  if (!epoch) return std::unexpected(epoch.error());
  if (epoch->count() != 1 || epoch->number(0, 0) != epoch_) return taken_over();
  if (auto done = check_kept(unanswered); !done) return done;
  return relax();
}

// A server that crashed has lost what it did not sync, and the standby that took its place what had
// not reached it. Both keep a beginning of what was written, so the last batch speaks for all.
Result<void> PostgresStore::check_kept(std::span<const Change> unanswered) {
  bool is_unknown = !witness_;
  if (witness_) {
    Parameters parameters;
    parameters.bytes(options_.space).bytes(witness_->key).number(epoch_).number(witness_->version);
    const auto rows = connection_.execute(witness_entry().c_str(), parameters, "read");
    if (!rows) return std::unexpected(rows.error());
    if (rows->count() == 1) return {};
    is_unknown = std::ranges::any_of(unanswered, [&](const Change& change) {
      return change.removal && change.key == witness_->key;
    });
  }
  if (is_unknown && !is_unflushed_) return {};
  return poison(ErrorKind::poisoned,
                "the server of " + connection_.subject() +
                    (is_unknown ? " may have lost" : " has lost") +
                    " what it acknowledged: it crashed, or another took its place; reopen it");
}

void PostgresStore::remember(std::span<const Part> written) {
  is_unflushed_ = options_.durability == Durability::relaxed;
  witness_.reset();
  for (const Part& part : written) {
    if (!part.keys.empty()) witness_ = {std::string{part.keys.back()}, version_};
  }
}

// Lets go of the lock, too.
std::unexpected<StorageError> PostgresStore::poison(ErrorKind kind, std::string text) {
  connection_.close();
  poison_ = std::move(text);
  return failure(kind, *poison_);
}

// Who has the lock by rights is the other owner.
std::unexpected<StorageError> PostgresStore::taken_over() {
  return poison(ErrorKind::locked_by_other,
                connection_.subject() +
                    " was taken over by another owner while this one had no connection; reopen it");
}

std::unexpected<StorageError> PostgresStore::damaged() const {
  return failure(ErrorKind::corrupt, "an entry of " + connection_.subject() +
                                         " does not match its checksum; restore it from a backup");
}

template <class Read>
auto PostgresStore::with_connection(Read read) -> decltype(read()) {
  for (bool again : {true, false}) {
    if (connection_.is_lost()) {
      if (auto done = reconnect(); !done) return std::unexpected(std::move(done.error()));
    }
    auto result = read();
    if (result || !again || !connection_.is_lost()) return result;
  }
  std::unreachable();
}

Result<std::optional<std::string>> PostgresStore::do_get(std::string_view key) {
  return with_connection([&] { return read_entry(key); });
}

Result<std::optional<std::string>> PostgresStore::read_entry(std::string_view key) {
  Parameters parameters;
  parameters.bytes(options_.space).bytes(key);
  const auto rows = connection_.prepared("get", get_.c_str(), parameters, "read");
  if (!rows) return std::unexpected(rows.error());
  if (rows->count() == 0) return std::nullopt;
  const std::string_view value = rows->bytes(0, 0);
  if (checksum(key, value) != rows->number(0, 1)) return damaged();
  return std::string{value};
}

Result<void> PostgresStore::do_write(std::span<const Change> changes) {
  if (poison_) return failure(ErrorKind::poisoned, *poison_);
  if (connection_.is_lost()) {
    if (auto done = reconnect(); !done) return done;
  }
  const std::vector<Part> parts = parts_of(changes);
  ++version_;
  auto done = write_once(parts);
  if (!done && !poison_ && connection_.is_lost()) done = write_again(parts, changes);
  if (done) remember(parts);
  return done;
}

// The first attempt may have been written, so an error here does not mean that nothing was.
Result<void> PostgresStore::write_again(std::span<const Part> parts,
                                        std::span<const Change> changes) {
  auto done = reconnect(changes);
  if (done) done = write_once(parts);
  if (done || poison_) return done;
  const ErrorKind kind = done.error().kind;
  return poison(kind,
                done.error().text + "; whether the last batch was written is unknown: reopen it");
}

Result<void> PostgresStore::write_once(std::span<const Part> parts) {
  if (parts.size() == 1) return write_part(parts[0]);
  if (auto begun = connection_.execute("BEGIN", "write to"); !begun) {
    return std::unexpected(begun.error());
  }
  for (const Part& part : parts) {
    if (auto done = write_part(part); !done) {
      (void)connection_.execute("ROLLBACK", "write to");
      return done;
    }
  }
  if (auto done = connection_.execute("COMMIT", "write to"); !done) {
    return std::unexpected(done.error());
  }
  return {};
}

Result<void> PostgresStore::write_part(const Part& part) {
  Parameters parameters;
  parameters.bytes(options_.space).number(epoch_);
  parameters.array(part.removed).array(part.keys).array(part.values).array(part.sums);
  parameters.number(version_);
  const auto rows = connection_.prepared("write", write_.c_str(), parameters, "write to");
  if (!rows) return std::unexpected(rows.error());
  if (rows->number(0, 0) == 0) return taken_over();
  return {};
}

// A cursor sees the state of the moment it was declared, and lives in a transaction.
Result<void> PostgresStore::do_visit(const Scan& wanted, Visit visitor, void* object) {
  auto begun = with_connection([&] { return connection_.execute("BEGIN READ ONLY", "read"); });
  if (!begun) return std::unexpected(begun.error());
  struct End {  // also when the visitor throws
    Connection& connection;
    ~End() { (void)connection.execute("ROLLBACK", "read"); }
  } end{connection_};
  return fetch_all(wanted, visitor, object);
}

Result<void> PostgresStore::fetch_all(const Scan& wanted, Visit visitor, void* object) {
  const bool is_behind = wanted.after && *wanted.after >= wanted.prefix;
  const std::string end = behind_prefix(wanted.prefix);
  Parameters parameters;
  parameters.bytes(options_.space).bytes(is_behind ? *wanted.after : wanted.prefix);
  std::string sql = "DECLARE entries NO SCROLL CURSOR FOR SELECT key";
  if (wanted.with_values) sql += ", value, sum";
  sql +=
      " FROM troupe_entry WHERE space = $1::text AND " + head("key") + " >= " + head("$2::bytea");
  sql += is_behind ? " AND key > $2::bytea" : " AND key >= $2::bytea";
  if (!end.empty()) {
    sql += " AND " + head("key") + " <= " + head("$3::bytea") + " AND key < $3::bytea";
    parameters.bytes(end);
  }
  sql += " ORDER BY " + head("key") + ", key";
  if (auto done = connection_.execute(sql.c_str(), parameters, "read"); !done) {
    return std::unexpected(done.error());
  }
  // Few rows at first, then more, while they are small.
  constexpr std::size_t most_bytes = 1u << 20;
  for (int wanted_rows = 16;;) {
    const std::string fetch = "FETCH " + std::to_string(wanted_rows) + " FROM entries";
    const auto rows = connection_.execute(fetch.c_str(), {}, "read");
    if (!rows) return std::unexpected(rows.error());
    std::size_t bytes = 0;
    for (int row = 0; row < rows->count(); ++row) {
      const std::string_view key = rows->bytes(row, 0);
      std::string_view value;
      if (wanted.with_values) {
        value = rows->bytes(row, 1);
        if (checksum(key, value) != rows->number(row, 2)) return damaged();
      }
      bytes += key.size() + value.size();
      if (!visitor(object, key, value)) return {};
    }
    if (rows->count() < wanted_rows) return {};
    wanted_rows =
        bytes > most_bytes ? std::max(1, wanted_rows / 2) : std::min(4096, wanted_rows * 2);
  }
}

// The log is on disk up to the commit of a transaction that waits for it; it must write something
// to have one.
Result<void> PostgresStore::do_flush() {
  if (poison_) return failure(ErrorKind::poisoned, *poison_);
  if (options_.durability == Durability::commit) return {};
  return with_connection([&]() -> Result<void> {
    constexpr const char* sql =
        "BEGIN; SET LOCAL synchronous_commit = on;"
        " SELECT pg_logical_emit_message(true, 'troupe', ''); COMMIT";
    if (auto done = connection_.execute(sql, "flush"); !done) {
      (void)connection_.execute("ROLLBACK", "flush");
      return std::unexpected(done.error());
    }
    is_unflushed_ = false;
    return {};
  });
}

Result<void> PostgresStore::do_close() {
  auto done = poison_ || !is_unflushed_ ? Result<void>{} : do_flush();
  if (connection_.is_lost()) return done;
  // Said aloud, because the server notices the end of a connection a moment later.
  (void)connection_.execute("SELECT pg_advisory_unlock_all()", "unlock");
  connection_.close();
  return done;
}

}  // namespace

Result<std::unique_ptr<Store>> open_postgres(const PostgresOptions& options) {
  if (options.durability == Durability::memory) return open_memory();
  auto store = std::make_unique<PostgresStore>(options);
  if (auto done = store->open(); !done) return std::unexpected(std::move(done.error()));
  return store;
}

}  // namespace troupe::storage
