// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "crash_isolation/crash_isolation.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace crash_isolation;

TEST(CrashIsolation, the_crash_of_one_process_leaves_the_other_running) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Pid survivor = spawn(steady);
    const auto [victim, ref] = spawn_monitor(fragile);
    send(victim, Crash{});
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.pid, victim);
    EXPECT_TRUE(down.reason.exception() && down.reason.exception()->text == "Intentional crash!");
    EXPECT_FALSE(co_await is_alive(self, victim));
    EXPECT_TRUE(co_await is_alive(self, survivor));
    send(survivor, Ping{self.pid()});
    co_await self.receive<Pong>();
  });
}

}  // namespace
