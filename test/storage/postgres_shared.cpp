// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <exception>
#include <gtest/gtest.h>

#include "storage/postgres_server.hpp"

namespace troupe::storage::test {

PostgresServer* PostgresServer::shared() {
  static const std::unique_ptr<PostgresServer> server = []() -> std::unique_ptr<PostgresServer> {
    try {
      return launch();
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
      return nullptr;
    }
  }();
  return server.get();
}

}  // namespace troupe::storage::test
