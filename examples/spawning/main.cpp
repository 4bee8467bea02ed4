// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "spawning.hpp"

int main() {
  return run([](Process& self) -> Async<> {
    spawn(spawning::greet, self.pid());
    std::printf("%s\n", (co_await self.receive<std::string>()).c_str());

    spawn(spawning::add, 2, 2, self.pid());
    const spawning::Result result = co_await self.receive<spawning::Result>();
    std::printf("Got result: %d\n", result.value);

    const Pid receiver = spawn(spawning::receiver, self.pid());
    send(receiver, spawning::Hello{"world"});
    std::printf("%s\n", (co_await self.receive<std::string>()).c_str());
  });
}
