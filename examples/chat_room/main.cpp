// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "chat_room.hpp"

using namespace chat_room;

int main() {
  return run([](Process& self) -> Async<> {
    co_await start(self);
    const auto lobby = co_await room(self, "lobby");
    co_await call(self, lobby, Room::Join{"ada", self.pid()});
    cast(lobby, Room::Say{self.pid(), "is anybody here?"});
    const Said said = co_await self.receive<Said>();
    std::printf("[%s] %s: %s\n", said.room.c_str(), said.who.c_str(), said.text.c_str());
    spawn_monitor([](Process& bob) -> Async<> {
      const auto same = co_await room(bob, "lobby");
      const auto before = co_await call(bob, same, Room::Join{"bob", bob.pid()});
      std::printf("bob reads %zu message from before\n", before.size());
      cast(same, Room::Say{bob.pid(), "I am"});
      co_await bob.receive<Said>();
    });
    const Said answer = co_await self.receive<Said>();
    std::printf("[%s] %s: %s\n", answer.room.c_str(), answer.who.c_str(), answer.text.c_str());
    co_await self.receive<Down>();
  });
}
