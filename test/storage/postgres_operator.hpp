// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <memory>
#include <string>

#include "storage/postgres_server.hpp"

namespace troupe::storage::test {

// As the operator, who may always write, on a connection of its own: what stands in the first
// column of the first row.
inline std::string execute(const PostgresServer& server, const std::string& sql) {
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection{
      PQconnectdb((server.connection() +
                   " options='-c default_transaction_read_only=off -c client_min_messages=error'")
                      .c_str()),
      PQfinish};
  std::unique_ptr<PGresult, void (*)(PGresult*)> result{PQexec(connection.get(), sql.c_str()),
                                                        PQclear};
  const auto status = PQresultStatus(result.get());
  EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
      << PQerrorMessage(connection.get());
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

}  // namespace troupe::storage::test
