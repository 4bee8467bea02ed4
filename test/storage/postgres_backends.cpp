// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/storage_postgres.hpp>

#include "storage/backends.hpp"
#include "storage/postgres_server.hpp"

namespace troupe::storage::test {
namespace {

// Each directory of a test is a space of its own.
Result<std::unique_ptr<Store>> open_for(const std::string& directory, Durability durability) {
  PostgresServer* server = PostgresServer::shared();
  if (!server) return std::unexpected(StorageError{ErrorKind::io, "no PostgreSQL here"});
  return open_postgres({.connection = server->connection(),
                        .space = directory.substr(directory.rfind('/') + 1),
                        .durability = durability,
                        .lock_timeout_ms = 1});
}

}  // namespace

std::vector<Backend> backends() {
  return {
      {"postgres", true,
       [](const std::string& directory) { return open_for(directory, Durability::commit); }},
      {"postgres_relaxed", true,
       [](const std::string& directory) { return open_for(directory, Durability::relaxed); }},
  };
}

}  // namespace troupe::storage::test
