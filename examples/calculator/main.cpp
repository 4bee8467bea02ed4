// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "calculator.hpp"

int main() {
  return run([](Process& self) -> Async<> {
    const Pid pid = spawn(calculator::calculator);
    std::printf("5 + 3 = %d\n", *co_await calculator::add(self, pid, 5, 3));
    std::printf("5 * 3 = %d\n", *co_await calculator::multiply(self, pid, 5, 3));
  });
}
