// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "greeter/greeter.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace greeter;

TEST(Greeter, greets_calculates_and_stops) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto [pid, ref] = spawn_monitor(receiver, self.pid());
    send(pid, Hello{"Alice"});
    send(pid, Math{Operation::add, 5, 3});
    send(pid, Math{Operation::multiply, 5, 3});
    send(pid, Math{Operation::subtract, 5, 3});
    send(pid, Stop{});
    for (const char* line : {"Hello, Alice!", "add(5, 3) = 8", "multiply(5, 3) = 15",
                             "subtract(5, 3) = 2", "Stopping receiver"}) {
      EXPECT_EQ(co_await self.receive<std::string>(), line);
    }
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
  });
}

TEST(Greeter, an_unknown_message_is_named_and_does_no_harm) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid pid = spawn(receiver, self.pid());
    send(pid, 42);
    EXPECT_EQ(co_await self.receive<std::string>(), "Unknown message: int");
    send(pid, Hello{"Bob"});
    EXPECT_EQ(co_await self.receive<std::string>(), "Hello, Bob!");
  });
}

}  // namespace
