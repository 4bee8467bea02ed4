// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "parallel_map.hpp"

using namespace parallel_map;

int main() {
  return run([](Process& self) -> Async<> {
    for (const int square : co_await map(self, {1, 2, 3, 4, 5}, slow_square)) {
      std::printf("%d\n", square);
    }
  });
}
