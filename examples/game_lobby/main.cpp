// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "game_lobby.hpp"

using namespace game_lobby;

int main() {
  return run([](Process& self) -> Async<> {
    co_await start(self);
    for (const char* id : {"ada", "bob"}) co_await join(self, id, self.pid());
    co_await call(self, find("ada"), Player::Move{3, 4});
    const bool lives = co_await call(self, find("bob"), Player::Damage{30});
    const auto ada = co_await call(self, find("ada"), Player::GetState{});
    const auto bob = co_await call(self, find("bob"), Player::GetState{});
    std::printf("ada stands at (%d, %d)\n", ada.x, ada.y);
    std::printf("bob has %d health and %s\n", bob.health, lives ? "lives" : "is dead");
    cast(find("bob"), Player::SendMessage{"well played"});
    std::printf("bob's client shows: %s\n", (co_await self.receive<ChatLine>()).text.c_str());
  });
}
