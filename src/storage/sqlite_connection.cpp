// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/sqlite_connection.hpp"

#include <cerrno>
#include <utility>

#include "storage/fault.hpp"

namespace troupe::storage::sqlite {

int Connection::open(const std::string& path, int flags, const std::string& vfs) {
  path_ = path;
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, flags, vfs.empty() ? nullptr : vfs.c_str());
  handle_.reset(handle);  // Also after an error: the handle holds its text.
  if (handle != nullptr) sqlite3_extended_result_codes(handle, 1);
  return code;
}

int Connection::execute(const char* sql) {
  errno = 0;
  return sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
}

int Connection::prepare(std::string_view sql, Statement& into, bool cached) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      cached ? SQLITE_PREPARE_PERSISTENT : 0, &handle, nullptr);
  into = Statement{handle};
  return code;
}

Result<std::int64_t> Connection::query_integer(std::string_view sql) {
  Statement statement;
  if (const int code = prepare(sql, statement, false); code != SQLITE_OK) {
    return failure(code, "read");
  }
  if (const int code = statement.step(); code != SQLITE_ROW) return failure(code, "read");
  return statement.column_integer(0);
}

Result<std::string> Connection::query_text(std::string_view sql) {
  Statement statement;
  if (const int code = prepare(sql, statement, false); code != SQLITE_OK) {
    return failure(code, "read");
  }
  const int code = statement.step();
  if (code == SQLITE_DONE) return std::string{};
  if (code != SQLITE_ROW) return failure(code, "read");
  return std::string{statement.column_text(0)};
}

StorageError Connection::explain(int code, std::string_view doing) const {
  int primary = code & 0xFF;
  if (code == SQLITE_IOERR_SHORT_READ || code == SQLITE_IOERR_CORRUPTFS) primary = SQLITE_CORRUPT;
  // SQLite keeps the errno of some failures and forgets that of others.
  const int kept = handle_ ? sqlite3_system_errno(handle_.get()) : 0;
  const int system = kept != 0 ? kept : errno;
  switch (primary) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorKind::corrupt,
              "database file " + path_ + " is damaged or is no database (" +
                  sqlite3_errmsg(handle_.get()) +
                  "); restore it from a backup, or move it away to start without its entries"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorKind::locked_by_other,
              "database file " + path_ + " is open in another process; stop that process first"};
    case SQLITE_FULL:
      return storage::explain(Fault{ENOSPC}, doing, path_);
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return storage::explain(Fault{system == EROFS ? EROFS : EACCES}, doing, path_);
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
      // A failed write or open has errno; without one SQLite's own words are all there is.
      if (system != 0) return storage::explain(Fault{system}, doing, path_);
      break;
    case SQLITE_TOOBIG:
      return {ErrorKind::too_large, "an entry is too large for database file " + path_};
    default:
      break;
  }
  std::string text = "cannot ";
  text += doing;
  text += ' ' + path_ + ": " + (handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code)) +
          " (SQLite code " + std::to_string(code) + ")";
  return {ErrorKind::io, std::move(text)};
}

int Connection::close() {
  const int code = sqlite3_close(handle_.get());
  if (code == SQLITE_OK) (void)handle_.release();
  return code;
}

}  // namespace troupe::storage::sqlite
