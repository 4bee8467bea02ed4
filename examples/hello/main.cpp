// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "hello.hpp"

int main() {
  return run([](Process& self) -> Async<> {
    const Pid receiver = spawn(hello::receiver, self.pid());
    send(receiver, hello::Hello{"world"});
    send(receiver, hello::Payment{100});
    send(receiver, hello::Shutdown{});
    for (int i = 0; i < 3; ++i) std::printf("%s\n", (co_await self.receive<std::string>()).c_str());
  });
}
