// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "named_process.hpp"

int main() {
  return run([](Process& self) -> Async<> {
    named_process::start();
    const auto result = co_await named_process::request(self, "Hello");
    std::printf("%s\n", result ? result->c_str() : "timeout");
    send("my_server", named_process::Stop{});

    // A server that is asked and never answers.
    const Pid deaf = spawn([](Process& me) -> Async<> { co_await me.sleep(1h); });
    while (whereis("my_server")) co_await self.yield();
    register_name("my_server", deaf);
    const auto nothing = co_await named_process::request(self, "anybody?", 50ms);
    std::printf("%s\n", nothing ? nothing->c_str() : "timeout");
  });
}
