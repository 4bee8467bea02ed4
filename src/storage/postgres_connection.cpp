// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "storage/postgres_connection.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "storage/fault.hpp"

namespace troupe::storage::postgres {
namespace {

constexpr std::uint32_t bytea_type = 17;
constexpr std::uint32_t int4_type = 23;

template <class T>
void append_big_endian(std::string& out, T value) {
  for (std::size_t at = sizeof value; at-- > 0;) out += static_cast<char>(value >> 8 * at);
}

// The binary form of an array of one dimension (array_recv in the server's arrayfuncs.c): number of
// dimensions, whether there are nulls, the type of the elements; of each dimension its size and
// first index; of each element its size and bytes. An empty array has no dimension.
std::string array_header(std::uint32_t type, std::size_t count) {
  std::string out;
  append_big_endian<std::uint32_t>(out, count == 0 ? 0 : 1);
  append_big_endian<std::uint32_t>(out, 0);
  append_big_endian<std::uint32_t>(out, type);
  if (count != 0) {
    append_big_endian(out, static_cast<std::uint32_t>(count));
    append_big_endian<std::uint32_t>(out, 1);
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

// By the codes of the manual's appendix A.
ErrorKind kind_of(std::string_view state) {
  if (state == "53100" || state == "54000") return ErrorKind::full_disk;
  if (state == "25006" || state == "42501") return ErrorKind::read_only;
  if (state == "55P03") return ErrorKind::locked_by_other;
  if (state.starts_with("XX00")) return ErrorKind::corrupt;
  return ErrorKind::io;
}

}  // namespace

void Parameters::own(std::string value) {
  owned_.push_back(std::make_unique<std::string>(std::move(value)));
  values_.push_back(*owned_.back());
}

Parameters& Parameters::bytes(std::string_view value) {
  // A null view is a value of no bytes, which libpq would take for NULL.
  values_.push_back(value.data() != nullptr ? value : std::string_view{""});
  return *this;
}

Parameters& Parameters::number(std::int64_t value) {
  std::string text;
  append_big_endian(text, static_cast<std::uint64_t>(value));
  own(std::move(text));
  return *this;
}

Parameters& Parameters::array(std::span<const std::string_view> values) {
  std::string out = array_header(bytea_type, values.size());
  std::size_t size = out.size();
  for (std::string_view value : values) size += 4 + value.size();
  out.reserve(size);
  for (std::string_view value : values) {
    append_big_endian(out, static_cast<std::uint32_t>(value.size()));
    out += value;
  }
  own(std::move(out));
  return *this;
}

Parameters& Parameters::array(std::span<const std::int32_t> values) {
  std::string out = array_header(int4_type, values.size());
  for (std::int32_t value : values) {
    append_big_endian<std::uint32_t>(out, sizeof value);
    append_big_endian(out, static_cast<std::uint32_t>(value));
  }
  own(std::move(out));
  return *this;
}

std::string_view Rows::bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::int64_t Rows::number(int row, int column) const {
  std::uint64_t value = 0;
  for (char c : bytes(row, column)) value = value << 8 | static_cast<unsigned char>(c);
  if (PQgetlength(result_.get(), row, column) == 4) return static_cast<std::int32_t>(value);
  return static_cast<std::int64_t>(value);
}

Result<void> Connection::open(const std::string& connection, std::uint32_t timeout_ms) {
  // What the user's string says comes later and wins, but for the last two. Without the others a
  // machine that vanished would be waited for many minutes.
  const std::string timeout = std::to_string(std::max(timeout_ms / 1000, 1U));
  const std::string unanswered = std::to_string(std::max(timeout_ms, 1000U));
  const std::array names{"connect_timeout",
                         "tcp_user_timeout",
                         "keepalives_idle",
                         "fallback_application_name",
                         "dbname",
                         "client_encoding",
                         static_cast<const char*>(nullptr)};
  const std::array values{timeout.c_str(),
                          unanswered.c_str(),
                          "10",
                          "troupe",
                          connection.c_str(),
                          "UTF8",
                          static_cast<const char*>(nullptr)};
  prepared_.clear();
  connection_.reset(PQconnectdbParams(names.data(), values.data(), 1));
  if (connection_ && PQstatus(connection_.get()) == CONNECTION_OK) {
    PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
    return {};
  }
  const std::string why{connection_ ? trimmed(PQerrorMessage(connection_.get())) : "no memory"};
  return failure(ErrorKind::io, "cannot connect to the server of " + subject() + ": " + why);
}

Result<Rows> Connection::check(PGresult* result, std::string_view doing) {
  Rows rows{result};
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return rows;
  const char* state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  const char* message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
  std::string text = "cannot ";
  text += doing;
  text += ' ' + subject() + ": ";
  text += trimmed(message ? message : PQerrorMessage(connection_.get()));
  if (state) {
    text += " (SQLSTATE " + std::string{state} + ")";
  } else {
    // The error is libpq's own. When it could not send because the server had gone, it still calls
    // the connection good.
    connection_.reset();
  }
  return failure(kind_of(state ? state : ""), std::move(text));
}

Result<Rows> Connection::execute(const char* sql, std::string_view doing) {
  return check(PQexec(connection_.get(), sql), doing);
}

Result<Rows> Connection::execute(const char* sql, const Parameters& parameters,
                                 std::string_view doing) {
  return prepared(nullptr, sql, parameters, doing);
}

Result<Rows> Connection::prepared(const char* name, const char* sql, const Parameters& parameters,
                                  std::string_view doing) {
  if (name && std::ranges::find(prepared_, name) == prepared_.end()) {
    auto made = check(PQprepare(connection_.get(), name, sql, 0, nullptr), doing);
    if (!made) return made;
    prepared_.emplace_back(name);
  }
  std::vector<const char*> values;
  std::vector<int> lengths;
  const std::vector<int> formats(parameters.values_.size(), 1);
  for (std::string_view value : parameters.values_) {
    values.push_back(value.data());
    lengths.push_back(static_cast<int>(value.size()));
  }
  const int count = static_cast<int>(values.size());
  return check(name ? PQexecPrepared(connection_.get(), name, count, values.data(), lengths.data(),
                                     formats.data(), 1)
                    : PQexecParams(connection_.get(), sql, count, nullptr, values.data(),
                                   lengths.data(), formats.data(), 1),
               doing);
}

}  // namespace troupe::storage::postgres
