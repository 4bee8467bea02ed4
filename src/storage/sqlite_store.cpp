// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/sqlite_store.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "storage/crc32c.hpp"
#include "storage/disk.hpp"
#include "storage/fault.hpp"
#include "storage/sqlite_connection.hpp"

// The file: application_id 'Trpe', user_version the schema's number, one table of entries and one
// row about the store. WAL mode, so a commit is one append and one fsync; locking_mode=EXCLUSIVE,
// so the WAL index lives in memory, no -shm file exists, and a second process is refused.
//
// SQLite checkpoints by itself only when told not to care about errors, so it is done here: a
// failed fsync of a checkpoint has to stop the acknowledgements as much as one of a commit.

namespace troupe::storage {
namespace {

using sqlite::Connection;
using sqlite::InUse;
using sqlite::Statement;

constexpr std::int64_t application_id = 0x54727065;  // "Trpe"
constexpr std::int64_t schema_version = 1;

// A table with row ids and an upsert in place. Measured against WITHOUT ROWID (batch 50, one file):
// 60 k/s against 53 k/s with values of 200 bytes and 40 k/s against 17 k/s with 1,500, in half the
// file; reading everything in key order costs 0.44 s against 0.13 s per 250,000 small entries.
// STRICT: SQLite itself refuses text where bytes are meant.
constexpr const char* schema =
    "CREATE TABLE entry (key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, sum INTEGER NOT NULL)"
    " STRICT;"
    "CREATE TABLE about (identity TEXT NOT NULL) STRICT;";

// Signed, so that it takes four bytes and not six.
std::int64_t checksum(std::string_view key, std::string_view value) {
  return static_cast<std::int32_t>(crc32c(value, crc32c(key)));
}

// The first key behind all keys with this prefix; empty: there is none.
std::string behind_prefix(std::string_view prefix) {
  std::string bound{prefix};
  while (!bound.empty() && static_cast<unsigned char>(bound.back()) == 0xFF) bound.pop_back();
  if (!bound.empty()) bound.back() = static_cast<char>(bound.back() + 1);
  return bound;
}

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(const SqliteOptions& options) : options_{options} {}
  ~SqliteStore() override { (void)close(); }

  Result<void> open(const std::string& path, const ShardIdentity& identity);

 private:
  Result<std::optional<std::string>> do_get(std::string_view key) override;
  Result<void> do_write(std::span<const Change> changes) override;
  Result<void> do_visit(const Scan& scan, Visit visitor, void* object) override;
  Result<void> do_sweep(Visit visitor, void* object) override;
  Result<void> do_flush() override;
  Result<void> do_compact() override;
  Result<void> do_close() override;

  static Result<void> prepare_file(const std::string& path, bool must_exist);
  Result<void> recognise(const ShardIdentity& identity);
  Result<void> create(const ShardIdentity& identity);
  Result<void> configure();
  Result<void> secure_log();
  Result<void> prepare();

  Result<void> visit_rows(Statement& statement, bool with_values, Visit visitor, void* object);
  int apply(const Change& change);
  int apply_all(std::span<const Change> changes);
  int checkpoint(int mode);
  void fold_on_close(bool fold);
  void fold_if_due();
  // Remembers failures after which no acknowledgement would be honest.
  std::unexpected<StorageError> write_failure(int code, std::string_view doing);
  std::unexpected<StorageError> damaged_entry() const;

  SqliteOptions options_;
  Connection connection_;
  Statement get_, put_, remove_, begin_, commit_;
  std::uint32_t wal_pages_ = 0;
  std::uint32_t next_checkpoint_ = 0;
  std::optional<std::string> poison_;
};

// What SQLite would pass over: it takes a file of no bytes, or of a few, for a new database, and
// throws the log beside it away.
Result<void> SqliteStore::prepare_file(const std::string& path, bool must_exist) {
  if (!must_exist) {
    // Made here for its mode: 0600, which SQLite then gives to the -wal file too. O_EXCL: closing a
    // descriptor of a file that SQLite has open in this process would drop SQLite's locks on it.
    const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made >= 0) {
      ::close(made);
    } else if (errno != EEXIST) {
      return failure(Fault{errno}, "open database file", path);
    }
  }
  struct stat file;
  struct stat log;
  if (::stat(path.c_str(), &file) != 0) return failure(Fault{errno}, "open database file", path);
  if (S_ISDIR(file.st_mode)) return failure(Fault{EISDIR}, "open database file", path);
  constexpr off_t smallest_page = 512;
  const bool lost =
      file.st_size == 0 && ::stat((path + "-wal").c_str(), &log) == 0 && log.st_size > 0;
  if (lost || (file.st_size > 0 && file.st_size < smallest_page)) {
    return failure(ErrorKind::corrupt,
                   "database file " + path + " was cut short; restore it from a backup");
  }
  return {};
}

Result<void> SqliteStore::open(const std::string& path, const ShardIdentity& identity) {
  if (options_.vfs.empty()) {
    if (auto done = prepare_file(path, identity.must_exist); !done) return done;
  }
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  if (!identity.must_exist) flags |= SQLITE_OPEN_CREATE;
  if (const int code = connection_.open(path, flags, options_.vfs); code != SQLITE_OK) {
    return connection_.failure(code, "open database file");
  }
  // A file that turns out not to be ours is left as it was found, its log not folded in.
  fold_on_close(false);
  sqlite3_busy_timeout(connection_.handle(), static_cast<int>(options_.busy_timeout_ms));
  if (connection_.is_read_only()) {
    return connection_.failure(SQLITE_READONLY, "open database file");
  }
  // Before anything is read: the first look at the file then takes the lock and keeps it.
  if (const int code = connection_.execute("PRAGMA locking_mode=EXCLUSIVE"); code != SQLITE_OK) {
    return connection_.failure(code, "lock database file");
  }
  if (auto done = recognise(identity); !done) return done;
  if (auto done = configure(); !done) return done;
  if (auto done = secure_log(); !done) return done;
  if (auto done = prepare(); !done) return done;
  fold_on_close(true);
  return {};
}

// SQLite trusts the log it finds after a crash. But that may be in the kernel's memory only, and
// after a failed fsync the kernel may think it is on disk, so that no later sync helps. So it is
// written again, byte for byte, and synced, with the names in the directory; the lock is held and
// nothing was written yet. A clean start has no log and pays one sync of the directory.
Result<void> SqliteStore::secure_log() {
  Disk& disk = disk_or_real(options_.disk);
  const std::string path = connection_.path() + "-wal";
  if (auto file = disk.open(path, OpenMode::write)) {
    if (auto done = rewrite(**file, 0, UINT64_MAX); !done) {
      return failure(done.error(), "secure", path);
    }
  } else if (file.error().code != ENOENT) {
    return failure(file.error(), "open", path);
  }
  const std::string directory = directory_of(connection_.path());
  if (auto done = disk.sync_directory(directory); !done) {
    return failure(done.error(), "sync directory", directory);
  }
  return {};
}

void SqliteStore::fold_on_close(bool fold) {
  sqlite3_db_config(connection_.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, fold ? 0 : 1, nullptr);
}

Result<void> SqliteStore::recognise(const ShardIdentity& identity) {
  const std::string& path = connection_.path();
  const auto application = connection_.query_integer("PRAGMA application_id");
  if (!application) return std::unexpected(application.error());
  const auto version = connection_.query_integer("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  const auto objects = connection_.query_integer("SELECT count(*) FROM sqlite_schema");
  if (!objects) return std::unexpected(objects.error());

  if (*application == 0 && *version == 0 && *objects == 0) {
    if (identity.must_exist) {
      return failure(
          ErrorKind::corrupt,
          "database file " + path + " is empty, but had entries once; restore it from a backup");
    }
    return create(identity);
  }
  if (*application != application_id) {
    return failure(ErrorKind::foreign,
                   "database file " + path +
                       " belongs to another program; choose another path for this store");
  }
  if (*version > schema_version) {
    return failure(ErrorKind::newer_version,
                   "database file " + path + " has format " + std::to_string(*version) +
                       ", this program reads up to " + std::to_string(schema_version) +
                       "; start the newer version that wrote it");
  }
  if (options_.check_on_open) {
    const auto verdict = connection_.query_text("PRAGMA quick_check(1)");
    if (!verdict) return std::unexpected(verdict.error());
    if (*verdict != "ok") {
      return failure(ErrorKind::corrupt, "database file " + path + " is damaged (" + *verdict +
                                             "); restore it from a backup");
    }
  }
  if (!identity.text.empty()) {
    const auto found = connection_.query_text("SELECT identity FROM about");
    if (!found) return std::unexpected(found.error());
    if (*found != identity.text) {
      return failure(ErrorKind::foreign,
                     "database file " + path + " is part of another store (it says '" + *found +
                         "', expected '" + identity.text + "'); put the right file back");
    }
  }
  return {};
}

Result<void> SqliteStore::create(const ShardIdentity& identity) {
  // The mode of the journal comes first: it cannot change inside a transaction, and a file that is
  // in WAL mode but has no schema yet is still recognised as new.
  const auto mode = connection_.query_text("PRAGMA journal_mode=WAL");
  if (!mode) return std::unexpected(mode.error());
  const std::string numbers = "PRAGMA application_id=" + std::to_string(application_id) +
                              ";PRAGMA user_version=" + std::to_string(schema_version) + ";";
  int code = connection_.execute("BEGIN IMMEDIATE");
  if (code == SQLITE_OK) code = connection_.execute(schema);
  if (code == SQLITE_OK) code = connection_.execute(numbers.c_str());
  if (code == SQLITE_OK) {
    Statement about;
    code = connection_.prepare("INSERT INTO about VALUES (?1)", about, false);
    if (code == SQLITE_OK) {
      about.bind_text(1, identity.text);
      code = about.step();
      if (code == SQLITE_DONE) code = SQLITE_OK;
    }
  }
  if (code == SQLITE_OK) code = connection_.execute("COMMIT");
  if (code != SQLITE_OK) return connection_.failure(code, "create database file");
  return {};
}

Result<void> SqliteStore::configure() {
  const auto mode = connection_.query_text("PRAGMA journal_mode=WAL");
  if (!mode) return std::unexpected(mode.error());
  if (*mode != "wal") {
    return failure(ErrorKind::io, "database file " + connection_.path() +
                                      " does not go into WAL mode (stays in '" + *mode +
                                      "'); use a local file system");
  }
  const std::string pragmas =
      std::string{"PRAGMA synchronous="} +
      (options_.durability == Durability::commit ? "FULL" : "NORMAL") +
      ";PRAGMA wal_autocheckpoint=0;PRAGMA temp_store=MEMORY;PRAGMA cell_size_check=ON;"
      "PRAGMA trusted_schema=OFF;PRAGMA cache_size=-" +
      std::to_string(options_.cache_bytes / 1024);
  if (const int code = connection_.execute(pragmas.c_str()); code != SQLITE_OK) {
    return connection_.failure(code, "configure database file");
  }
  sqlite3_db_config(connection_.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  next_checkpoint_ = options_.checkpoint_pages;
  sqlite3_wal_hook(
      connection_.handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteStore*>(self)->wal_pages_ = static_cast<std::uint32_t>(pages);
        return SQLITE_OK;
      },
      this);
  return {};
}

Result<void> SqliteStore::prepare() {
  const std::pair<Statement*, std::string_view> wanted[] = {
      {&get_, "SELECT value, sum FROM entry WHERE key = ?1"},
      {&put_,
       "INSERT INTO entry VALUES (?1, ?2, ?3)"
       " ON CONFLICT (key) DO UPDATE SET value = excluded.value, sum = excluded.sum"},
      {&remove_, "DELETE FROM entry WHERE key = ?1"},
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
  };
  for (const auto& [statement, sql] : wanted) {
    if (connection_.prepare(sql, *statement) == SQLITE_OK) continue;
    // The header is ours and the tables are not: someone changed the file by hand.
    return failure(ErrorKind::corrupt,
                   "database file " + connection_.path() + " lacks its tables (" +
                       sqlite3_errmsg(connection_.handle()) + "); restore it from a backup");
  }
  return {};
}

Result<std::optional<std::string>> SqliteStore::do_get(std::string_view key) {
  InUse guard{get_};
  get_.bind_bytes(1, key);
  const int code = get_.step();
  if (code == SQLITE_DONE) return std::nullopt;
  if (code != SQLITE_ROW) return connection_.failure(code, "read");
  const std::string_view value = get_.column_bytes(0);
  if (get_.column_integer(1) != checksum(key, value)) return damaged_entry();
  return std::string{value};
}

std::unexpected<StorageError> SqliteStore::damaged_entry() const {
  // Which entry is not said: keys of a session store are secrets, and this text goes into logs.
  return failure(ErrorKind::corrupt, "an entry in database file " + connection_.path() +
                                         " does not match its checksum; restore the file from a "
                                         "backup, or write the entry anew");
}

int SqliteStore::apply(const Change& change) {
  Statement& statement = change.removal ? remove_ : put_;
  InUse guard{statement};
  statement.bind_bytes(1, change.key);
  if (!change.removal) {
    statement.bind_bytes(2, change.value);
    statement.bind_integer(3, checksum(change.key, change.value));
  }
  const int code = statement.step();
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

int SqliteStore::apply_all(std::span<const Change> changes) {
  {
    InUse guard{begin_};
    if (const int code = begin_.step(); code != SQLITE_DONE) return code;
  }
  for (const Change& change : changes) {
    if (const int code = apply(change); code != SQLITE_OK) return code;
  }
  InUse guard{commit_};
  const int code = commit_.step();
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

Result<void> SqliteStore::do_write(std::span<const Change> changes) {
  if (poison_) return failure(ErrorKind::poisoned, *poison_);
  const int code = changes.size() == 1 ? apply(changes.front()) : apply_all(changes);
  if (code != SQLITE_OK) return write_failure(code, "write to");
  if (wal_pages_ >= next_checkpoint_) fold_if_due();
  return {};
}

std::unexpected<StorageError> SqliteStore::write_failure(int code, std::string_view doing) {
  StorageError error = connection_.explain(code, doing);
  bool hopeless = code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC ||
                  error.kind == ErrorKind::corrupt;
  if (connection_.in_transaction()) {
    (void)connection_.execute("ROLLBACK");
    hopeless = hopeless || connection_.in_transaction();
  }
  if (hopeless) {
    poison_ = error.text + " -- nothing more is acknowledged until the store is opened again";
    error = {ErrorKind::poisoned, *poison_};
  }
  return std::unexpected(std::move(error));
}

int SqliteStore::checkpoint(int mode) {
  int pages_left = 0;
  errno = 0;
  const int code =
      sqlite3_wal_checkpoint_v2(connection_.handle(), "main", mode, &pages_left, nullptr);
  if (code == SQLITE_OK) wal_pages_ = 0;
  return code;
}

// The batch before it is durable whatever happens here, so a failure is not that batch's. What
// makes later acknowledgements doubtful is kept; the rest (no room to grow) is tried again when the
// log has grown as much once more.
void SqliteStore::fold_if_due() {
  const int code = checkpoint(SQLITE_CHECKPOINT_PASSIVE);
  if (code == SQLITE_OK) {
    next_checkpoint_ = options_.checkpoint_pages;
    return;
  }
  next_checkpoint_ = wal_pages_ + options_.checkpoint_pages;
  (void)write_failure(code, "fold the log into");
}

Result<void> SqliteStore::do_visit(const Scan& scan, Visit visitor, void* object) {
  std::string first{scan.prefix};
  if (scan.after && *scan.after >= scan.prefix) {
    first = *scan.after;
    first.push_back('\0');  // The next key in byte order.
  }
  const std::string last = behind_prefix(scan.prefix);
  std::string sql = scan.with_values ? "SELECT key, value, sum" : "SELECT key";
  sql += " FROM entry WHERE key >= ?1";
  if (!last.empty()) sql += " AND key < ?2";
  sql += " ORDER BY key";
  Statement statement;
  if (const int code = connection_.prepare(sql, statement, false); code != SQLITE_OK) {
    return connection_.failure(code, "read");
  }
  statement.bind_bytes(1, first);
  if (!last.empty()) statement.bind_bytes(2, last);
  return visit_rows(statement, scan.with_values, visitor, object);
}

// In the order of the table, which is that of the file, and not of the index of keys.
Result<void> SqliteStore::do_sweep(Visit visitor, void* object) {
  Statement statement;
  const int prepared =
      connection_.prepare("SELECT key, value, sum FROM entry NOT INDEXED", statement, false);
  if (prepared != SQLITE_OK) return connection_.failure(prepared, "read");
  return visit_rows(statement, true, visitor, object);
}

// Rows of key, and with values of value and sum.
Result<void> SqliteStore::visit_rows(Statement& statement, bool with_values, Visit visitor,
                                     void* object) {
  for (;;) {
    const int code = statement.step();
    if (code == SQLITE_DONE) return {};
    if (code != SQLITE_ROW) return connection_.failure(code, "read");
    const std::string_view key = statement.column_bytes(0);
    std::string_view value;
    if (with_values) {
      value = statement.column_bytes(1);
      if (statement.column_integer(2) != checksum(key, value)) return damaged_entry();
    }
    if (!visitor(object, key, value)) return {};
  }
}

Result<void> SqliteStore::do_flush() {
  if (poison_) return failure(ErrorKind::poisoned, *poison_);
  if (options_.durability == Durability::commit) return {};
  // Syncs the log alone. A checkpoint would do it too, and rewrite the pages every second.
  sqlite3_file* log = nullptr;
  const int code =
      sqlite3_file_control(connection_.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (code != SQLITE_OK) return connection_.failure(code, "find the log of");
  if (log == nullptr || log->pMethods == nullptr) return {};  // Nothing was ever written.
  if (const int synced = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL); synced != SQLITE_OK) {
    return write_failure(synced, "sync the log of");
  }
  return {};
}

Result<void> SqliteStore::do_compact() {
  if (poison_) return failure(ErrorKind::poisoned, *poison_);
  if (const int code = checkpoint(SQLITE_CHECKPOINT_TRUNCATE); code != SQLITE_OK) {
    return write_failure(code, "fold the log into");
  }
  next_checkpoint_ = options_.checkpoint_pages;
  return {};
}

Result<void> SqliteStore::do_close() {
  Result<void> result;
  if (connection_.handle() == nullptr) return result;
  // An error of the closing checkpoint would go unheard inside sqlite3_close.
  if (!poison_ && get_) result = do_compact();
  if (poison_) fold_on_close(false);
  for (Statement* statement : {&get_, &put_, &remove_, &begin_, &commit_}) *statement = {};
  if (const int code = connection_.close(); code != SQLITE_OK && result) {
    result = connection_.failure(code, "close database file");
  }
  return result;
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_shard(const std::string& path,
                                                 const SqliteOptions& options,
                                                 const ShardIdentity& identity) {
  if (options.durability == Durability::memory) return open_memory();
  auto store = std::make_unique<SqliteStore>(options);
  if (auto done = store->open(path, identity); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return store;
}

Result<std::unique_ptr<Store>> open_sqlite(const std::string& path, const SqliteOptions& options) {
  return open_sqlite_shard(path, options, {});
}

}  // namespace troupe::storage
