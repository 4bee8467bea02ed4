// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "lifecycle/lifecycle.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using lifecycle::Teller;

TEST(Lifecycle, the_steps_come_in_order) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto teller = co_await Teller::start_link(self, self.pid());
    cast(teller, Teller::SetValue{42});
    send(teller.pid(), Teller::Tick{});
    EXPECT_EQ(co_await call(self, teller, Teller::GetValue{}), 42);
    co_await stop(self, teller);
    for (const char* step : {"constructor", "init", "cast", "info", "call", "terminate: normal"}) {
      EXPECT_EQ(co_await self.receive<std::string>(Duration::zero()), step);
    }
  });
}

TEST(Lifecycle, a_killed_server_does_not_terminate_it_is_just_gone) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto teller = co_await Teller::start(self, self.pid());
    self.monitor(teller.pid());
    exit(teller.pid(), atoms::kill);
    co_await self.receive<Down>();
    EXPECT_EQ(co_await self.receive<std::string>(), "constructor");
    EXPECT_EQ(co_await self.receive<std::string>(), "init");
    EXPECT_FALSE(co_await self.receive<std::string>(Duration::zero()));
  });
}

}  // namespace
