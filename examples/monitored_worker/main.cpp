// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "monitored_worker.hpp"

int main() {
  return run([](Process& self) -> Async<> {
    std::printf("%s\n", (co_await monitored_worker::run_worker(self)).c_str());
    std::printf("and the one who watched goes on\n");
  });
}
