// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "chat_room/chat_room.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace chat_room;

TEST(ChatRoom, one_name_is_one_room_for_everybody) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    for (int i = 0; i < 5; ++i) {
      spawn(
          [](Process& me, Pid tell) -> Async<> {
            const auto found = co_await room(me, "lobby");
            send(tell, found.pid());
          },
          self.pid());
    }
    const Pid first = co_await self.receive<Pid>();
    for (int i = 0; i < 4; ++i) EXPECT_EQ(co_await self.receive<Pid>(), first);
    EXPECT_NE((co_await room(self, "kitchen")).pid(), first);
  });
}

TEST(ChatRoom, members_hear_and_the_dead_are_forgotten) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    const auto lobby = co_await room(self, "lobby");
    co_await call(self, lobby, Room::Join{"ada", self.pid()});
    const Pid bob = spawn([](Process& me) -> Async<> { co_await me.receive<int>(); });
    co_await call(self, lobby, Room::Join{"bob", bob});
    const auto members = co_await call(self, lobby, Room::Members{});
    EXPECT_EQ(members, (std::vector<std::string>{"ada", "bob"}));
    exit(bob, atoms::kill);
    while ((co_await call(self, lobby, Room::Members{})).size() != 1) co_await self.yield();
    cast(lobby, Room::Say{self.pid(), "hello"});
    EXPECT_EQ((co_await self.receive<Said>()).text, "hello");
    cast(lobby, Room::Say{bob, "from the grave"});
    cast(lobby, Room::Leave{self.pid()});
    EXPECT_TRUE((co_await call(self, lobby, Room::Members{})).empty());
    EXPECT_FALSE(co_await self.receive<Said>(Duration::zero()));
  });
}

TEST(ChatRoom, an_empty_room_ends_and_its_name_is_free) {
  test::on_every_seed([](Process& self) -> Async<> {
    co_await start(self);
    const auto lobby = co_await room(self, "lobby");
    co_await call(self, lobby, Room::Join{"ada", self.pid()});
    cast(lobby, Room::Leave{self.pid()});
    co_await call(self, lobby, Room::Members{});  // to be asked keeps no room open
    co_await self.sleep(11min);
    EXPECT_FALSE(co_await is_alive(self, lobby.pid()));
    EXPECT_NE((co_await room(self, "lobby")).pid(), lobby.pid());
  });
}

}  // namespace
