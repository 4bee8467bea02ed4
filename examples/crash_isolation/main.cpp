// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "crash_isolation.hpp"

using namespace crash_isolation;

int main() {
  return run([](Process& self) -> Async<> {
    const Pid survivor = spawn(steady);
    const auto [victim, ref] = spawn_monitor(fragile);
    send(victim, Crash{});
    const Down down = co_await self.receive<Down>();
    std::printf("the fragile one ended: %s\n", down.reason.exception()->text.c_str());
    std::printf("the steady one is alive: %s\n", co_await is_alive(self, survivor) ? "yes" : "no");
    send(survivor, Ping{self.pid()});
    co_await self.receive<Pong>();
    std::printf("and answers\n");
  });
}
