// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "named_process.hpp"

int main() {
  return run([](Process& self) -> Async<> {
    named_process::start();
    const auto result = co_await named_process::request(self, "Hello");
    std::printf("%s\n", result ? result->c_str() : "timeout");
    send("my_server", named_process::Stop{});
  });
}
