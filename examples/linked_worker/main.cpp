// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "linked_worker.hpp"

using namespace linked_worker;

int main() {
  return run([](Process& self) -> Async<> {
    spawn_monitor(linked, self.pid());
    const Down down = co_await self.receive<Down>();
    std::printf("linked: went down with its worker: %s\n", down.reason.exception()->text.c_str());
    spawn(trapping, self.pid());
    std::printf("trapping: lives, and was told: %s\n",
                (co_await self.receive<std::string>()).c_str());
  });
}
