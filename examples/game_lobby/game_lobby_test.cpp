// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "game_lobby/game_lobby.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace game_lobby;

TEST(GameLobby, players_move_and_are_hurt_each_for_himself) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    const auto ada = co_await join(self, "ada", self.pid());
    const auto bob = co_await join(self, "bob", self.pid());
    co_await call(self, ada, Player::Move{3, 4});
    co_await call(self, ada, Player::Move{-1, 0});
    EXPECT_TRUE(co_await call(self, bob, Player::Damage{99}));
    EXPECT_FALSE(co_await call(self, bob, Player::Damage{99}));
    EXPECT_EQ(co_await call(self, ada, Player::GetState{}), (PlayerState{"ada", 2, 4, 100}));
    EXPECT_EQ(co_await call(self, bob, Player::GetState{}), (PlayerState{"bob", 0, 0, 0}));
  });
}

TEST(GameLobby, a_player_that_crashes_starts_afresh_and_the_others_play_on) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    const auto ada = co_await join(self, "ada", self.pid());
    const auto bob = co_await join(self, "bob", self.pid());
    co_await call(self, ada, Player::Move{1, 1});
    co_await call(self, bob, Player::Move{5, 5});
    EXPECT_FALSE(co_await try_call(self, ada, Player::Damage{-1}));
    for (Pid now = ada.pid(); !now || now == ada.pid(); now = find("ada").pid())
      co_await self.yield();
    EXPECT_EQ(co_await call(self, find("ada"), Player::GetState{}), (PlayerState{"ada"}));
    EXPECT_EQ((co_await call(self, bob, Player::GetState{})).x, 5);
  });
}

TEST(GameLobby, who_leaves_is_gone) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    const auto ada = co_await join(self, "ada", self.pid());
    self.monitor(ada.pid());
    cast(ada, Player::Leave{});
    co_await self.receive<Down>();
    while (find("ada").pid()) co_await self.yield();
    const auto counts =
        co_await DynamicSupervisor::count_children(self, named<DynamicSupervisor>("lobby"));
    EXPECT_EQ(counts.active, 0u);
  });
}

}  // namespace
