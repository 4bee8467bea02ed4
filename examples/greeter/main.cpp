// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "greeter.hpp"

using namespace greeter;

int main() {
  return run([](Process& self) -> Async<> {
    const Pid pid = spawn(receiver, self.pid());
    send(pid, Hello{"Alice"});
    send(pid, Math{Operation::add, 5, 3});
    send(pid, 42);
    send(pid, Stop{});
    for (int i = 0; i < 4; ++i) std::printf("%s\n", (co_await self.receive<std::string>()).c_str());
  });
}
