// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "linked_worker/linked_worker.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace linked_worker;

TEST(LinkedWorker, takes_along_whom_it_is_linked_to) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto [parent, ref] = spawn_monitor(linked, self.pid());
    const Down down = co_await self.receive<Down>();
    EXPECT_EQ(down.pid, parent);
    EXPECT_TRUE(down.reason.exception());
    EXPECT_FALSE(co_await self.receive<std::string>(0ms));
  });
}

TEST(LinkedWorker, one_that_traps_exits_lives_on_with_the_reason) {
  test::on_every_executor([](Process& self) -> Async<> {
    spawn_monitor(trapping, self.pid());
    EXPECT_EQ(co_await self.receive<std::string>(), "Linked process failed!");
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
  });
}

TEST(LinkedWorker, a_link_made_later_works_like_one_made_at_spawn) {
  test::on_every_executor([](Process& self) -> Async<> {
    self.trap_exits();
    const Pid worker = spawn(failing);
    self.link(worker);
    EXPECT_EQ((co_await self.receive<Exit>()).from, worker);
  });
}

}  // namespace
