// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "spawning/spawning.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace spawning;

TEST(Spawning, a_process_of_its_own_says_hello) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid pid = spawn(greet, self.pid());
    EXPECT_NE(pid, self.pid());
    EXPECT_EQ(co_await self.receive<std::string>(), "Hello from process!");
  });
}

TEST(Spawning, a_result_comes_back_as_a_message) {
  test::on_every_executor([](Process& self) -> Async<> {
    spawn(add, 2, 2, self.pid());
    EXPECT_EQ((co_await self.receive<Result>()).value, 4);
  });
}

TEST(Spawning, a_process_waits_for_what_it_is_sent_and_ends_when_its_body_does) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto [pid, ref] = spawn_monitor(receiver, self.pid());
    EXPECT_TRUE(co_await is_alive(self, pid));
    send(pid, Hello{"world"});
    EXPECT_EQ(co_await self.receive<std::string>(), "Received: world");
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
  });
}

}  // namespace
