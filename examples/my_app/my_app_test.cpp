// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "my_app/my_app.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

TEST(MyApp, starts_in_order_and_stops_in_the_reverse) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await ApplicationController::start_link(self);
    EXPECT_TRUE(co_await ApplicationController::load(self, my_app::application(self.pid())));
    EXPECT_TRUE(co_await ApplicationController::start(self, "my_app"));
    EXPECT_EQ(co_await ApplicationController::get_env(self, "my_app", Atom{"port"}), Term{4'000});
    for (const char* part :
         {"connection_1", "connection_2", "cache", "worker_1", "worker_2", "endpoint"}) {
      EXPECT_TRUE(whereis(part)) << part;
      EXPECT_EQ(co_await self.receive<std::string>(), std::string{"start "} + part);
    }
    EXPECT_TRUE(co_await ApplicationController::stop(self, "my_app"));
    for (const char* part :
         {"endpoint", "worker_2", "worker_1", "cache", "connection_2", "connection_1"}) {
      EXPECT_FALSE(whereis(part)) << part;
      EXPECT_EQ(co_await self.receive<std::string>(), std::string{"stop "} + part);
    }
  });
}

}  // namespace
