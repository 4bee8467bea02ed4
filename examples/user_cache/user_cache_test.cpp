// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "user_cache/user_cache.hpp"

#include <gtest/gtest.h>
#include <set>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace {

using namespace user_cache;

Async<Profile> profile(Process& self, ServerRef<UserServer> server) {
  co_return co_await call(self, server, UserServer::GetProfile{});
}

TEST(UserCache, returns_the_same_server_for_the_same_user) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    const auto first = co_await server_process(self, 1);
    EXPECT_EQ(first, co_await server_process(self, 1));
    EXPECT_NE(first, co_await server_process(self, 2));
  });
}

TEST(UserCache, a_server_is_started_once_for_each_user) {
  const test::CapturedLog lines;
  const log::Level before = log::level();
  log::set_level(log::Level::debug);
  test::on_two_workers([](Process& self) -> Async<> {
    co_await start(self);
    for (const int id : {1, 2, 1, 1}) co_await server_process(self, id);
  });
  log::set_level(before);
  EXPECT_EQ(lines.count("starting the server of user 1"), 1);
  EXPECT_EQ(lines.count("starting the server of user 2"), 1);
}

TEST(UserCache, the_values_of_the_drill) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    const auto one = co_await server_process(self, 1);
    cast(one, UserServer::Update{.email = "user1@example.com"});
    EXPECT_EQ(co_await profile(self, one), (Profile{1, "User1", "user1@example.com"}));
    cast(one, UserServer::Update{.name = "Alice"});
    EXPECT_EQ((co_await profile(self, co_await server_process(self, 1))).name, "Alice");
  });
}

TEST(UserCache, ten_users_have_ten_servers) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    std::set<Pid> pids;
    for (int id = 1; id <= 10; ++id) pids.insert((co_await server_process(self, id)).pid());
    EXPECT_EQ(pids.size(), 10u);
  });
}

TEST(UserCache, a_server_starts_with_its_id_and_keeps_what_is_set) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    const auto server = co_await server_process(self, 42);
    EXPECT_EQ(co_await profile(self, server), (Profile{42, "User42", {}}));
    cast(server, UserServer::Update{.name = "Bob", .email = "bob@example.com"});
    cast(server, UserServer::Update{.name = "Charlie"});
    EXPECT_EQ(co_await profile(self, server), (Profile{42, "Charlie", "bob@example.com"}));
  });
}

TEST(UserCache, the_crash_of_one_users_server_harms_no_other_and_is_replaced) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    const auto one = co_await server_process(self, 1);
    const auto two = co_await server_process(self, 2);
    cast(two, UserServer::Update{.name = "Bob"});
    self.monitor(one.pid());
    cast(one, UserServer::Break{});
    co_await self.receive<Down>();
    EXPECT_NE(co_await server_process(self, 1), one);
    EXPECT_EQ((co_await profile(self, co_await server_process(self, 2))).name, "Bob");
  });
}

}  // namespace
