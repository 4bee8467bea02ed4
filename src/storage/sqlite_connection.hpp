// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// SQLite's C API with owners: a connection closes itself, a statement finalises itself, and a
// statement in use is reset at the end of the scope that used it.

#include <cerrno>
#include <cstdint>
#include <memory>
#include <sqlite3.h>
#include <string>
#include <string_view>

#include <troupe/storage.hpp>

namespace troupe::storage::sqlite {

struct CloseConnection {
  void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
};
struct FinaliseStatement {
  void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
};

class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* handle) : handle_{handle} {}

  explicit operator bool() const { return handle_ != nullptr; }

  // The bytes must stay until the reset: they are not copied. A null view is a blob of no bytes,
  // which SQLite would otherwise take for NULL.
  void bind_bytes(int index, std::string_view bytes) {
    sqlite3_bind_blob64(handle_.get(), index, bytes.data() != nullptr ? bytes.data() : "",
                        bytes.size(), SQLITE_STATIC);
  }
  void bind_integer(int index, std::int64_t value) {
    sqlite3_bind_int64(handle_.get(), index, value);
  }
  void bind_text(int index, std::string_view text) {
    sqlite3_bind_text64(handle_.get(), index, text.data() != nullptr ? text.data() : "",
                        text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }

  // SQLITE_ROW, SQLITE_DONE or an extended error code. errno is cleared first, so that after an
  // error it is this step's.
  int step() {
    errno = 0;
    return sqlite3_step(handle_.get());
  }

  bool column_is_blob(int column) const {
    return sqlite3_column_type(handle_.get(), column) == SQLITE_BLOB;
  }
  // Valid until the next step or reset.
  std::string_view column_bytes(int column) const {
    const void* data = sqlite3_column_blob(handle_.get(), column);
    const int size = sqlite3_column_bytes(handle_.get(), column);
    return {static_cast<const char*>(data), data != nullptr ? static_cast<std::size_t>(size) : 0};
  }
  std::int64_t column_integer(int column) const {
    return sqlite3_column_int64(handle_.get(), column);
  }
  std::string_view column_text(int column) const {
    const auto* data = sqlite3_column_text(handle_.get(), column);
    const int size = sqlite3_column_bytes(handle_.get(), column);
    return {reinterpret_cast<const char*>(data),
            data != nullptr ? static_cast<std::size_t>(size) : 0};
  }

  void reset() {
    sqlite3_reset(handle_.get());
    sqlite3_clear_bindings(handle_.get());
  }

 private:
  std::unique_ptr<sqlite3_stmt, FinaliseStatement> handle_;
};

// Resets at scope exit, whatever way the scope is left.
class InUse {
 public:
  explicit InUse(Statement& statement) : statement_{statement} {}
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;
  ~InUse() { statement_.reset(); }

 private:
  Statement& statement_;
};

class Connection {
 public:
  // Codes are SQLite's extended result codes; SQLITE_OK is success.
  int open(const std::string& path, int flags, const std::string& vfs);
  int execute(const char* sql);
  int prepare(std::string_view sql, Statement& into, bool cached = true);
  // The first column of the first row.
  Result<std::int64_t> query_integer(std::string_view sql);
  Result<std::string> query_text(std::string_view sql);

  bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
  bool is_read_only() const { return sqlite3_db_readonly(handle_.get(), "main") == 1; }
  sqlite3* handle() const { return handle_.get(); }
  const std::string& path() const { return path_; }

  // The last failure as a sentence; `doing` completes "cannot ...".
  StorageError explain(int code, std::string_view doing) const;
  std::unexpected<StorageError> failure(int code, std::string_view doing) const {
    return std::unexpected(explain(code, doing));
  }

  // All statements must be gone.
  int close();

 private:
  std::unique_ptr<sqlite3, CloseConnection> handle_;
  std::string path_;
};

}  // namespace troupe::storage::sqlite
