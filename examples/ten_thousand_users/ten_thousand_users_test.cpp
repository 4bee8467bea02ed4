// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "ten_thousand_users/ten_thousand_users.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace ten_thousand_users;

Async<std::vector<Pid>> join(Process& self, Pid hub, int count) {
  std::vector<Pid> users;
  for (int i = 0; i < count; ++i) {
    send(hub, Join{self.pid()});
    users.push_back((co_await self.receive<Joined>()).user);
  }
  co_return users;
}

Async<> broadcast_and_crash(Process& self, int count) {
  const Pid everybody = spawn(hub);
  const auto users = co_await join(self, everybody, count);
  EXPECT_EQ(co_await online(self, everybody), count);
  send(everybody, Broadcast{"hello"});
  send(users[0], Crash{});
  for (std::size_t i = 1; i < users.size(); ++i) {
    // Nothing is said about who comes first: the hub's message, or this question.
    while (co_await unread_of(self, users[i]) != 1) co_await self.yield();
  }
  while (co_await online(self, everybody) != count - 1) co_await self.yield();
}

TEST(TenThousandUsers, ten_thousand_get_a_broadcast_and_one_crash_harms_nobody_else) {
  test::on_real_executors([](Process& self) { return broadcast_and_crash(self, 10'000); });
}

TEST(TenThousandUsers, a_hundred_do_on_every_schedule) {
  test::on_every_seed([](Process& self) { return broadcast_and_crash(self, 100); });
}

TEST(TenThousandUsers, who_is_silent_for_half_an_hour_is_gone) {
  test::on_every_seed([](Process& self) -> Async<> {
    const Pid everybody = spawn(hub);
    const auto users = co_await join(self, everybody, 10);
    co_await self.sleep(20min);
    EXPECT_EQ(co_await unread_of(self, users[3]), 0u);
    co_await self.sleep(15min);
    EXPECT_EQ(co_await online(self, everybody), 1);
  });
}

}  // namespace
