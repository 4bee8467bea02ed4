// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

// libpq with owners, and with binary parameters and results: entries are bytes, and the text form
// of bytes would double them.

#include <cstdint>
#include <libpq-fe.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/storage.hpp>

namespace troupe::storage::postgres {

// The parameters of one statement, kept until it was sent.
class Parameters {
 public:
  // Bytes or text; the view must stay until the statement was sent.
  Parameters& bytes(std::string_view value);
  Parameters& number(std::int64_t value);
  // bytea[] and int4[].
  Parameters& array(std::span<const std::string_view> values);
  Parameters& array(std::span<const std::int32_t> values);

 private:
  friend class Connection;
  void own(std::string value);

  std::vector<std::unique_ptr<std::string>> owned_;
  std::vector<std::string_view> values_;
};

class Rows {
 public:
  explicit Rows(PGresult* result) : result_{result} {}
  PGresult* get() const { return result_.get(); }
  int count() const { return PQntuples(result_.get()); }
  bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  // Valid as long as the rows live.
  std::string_view bytes(int row, int column) const;
  // Of int4 and int8.
  std::int64_t number(int row, int column) const;

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

class Connection {
 public:
  // `space` is for the texts of errors.
  explicit Connection(std::string space) : space_{std::move(space)} {}

  Result<void> open(const std::string& connection, std::uint32_t timeout_ms);
  void close() { connection_.reset(); }
  bool is_lost() const { return !connection_ || PQstatus(connection_.get()) == CONNECTION_BAD; }
  int server_version() const { return PQserverVersion(connection_.get()); }

  // One or more statements without parameters; results are text, the last one's are given.
  Result<Rows> execute(const char* sql, std::string_view doing);
  Result<Rows> execute(const char* sql, const Parameters& parameters, std::string_view doing);
  // As execute, for statements that come often: the server plans them once.
  Result<Rows> prepared(const char* name, const char* sql, const Parameters& parameters,
                        std::string_view doing);

  std::string subject() const { return "PostgreSQL store '" + space_ + "'"; }

 private:
  Result<Rows> check(PGresult* result, std::string_view doing);

  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  std::string space_;
  std::unique_ptr<PGconn, Finish> connection_;
  std::vector<std::string_view> prepared_;
};

}  // namespace troupe::storage::postgres
