// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "counter.hpp"

int main() {
  return run([](Process& self) -> Async<> {
    const Pid clicks = spawn(counter::counter, 0);
    std::printf("a new counter says %d\n", co_await counter::count_of(self, clicks));
    for (int i = 0; i < 3; ++i) send(clicks, counter::Increment{});
    std::printf("after three increments it says %d\n", co_await counter::count_of(self, clicks));
  });
}
