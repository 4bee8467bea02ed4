// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "risky_worker.hpp"

using namespace risky_worker;

int main() {
  Runtime runtime{{.name = "demo"}};
  return runtime.run([](Process& self) -> Async<> {
    co_await start(self, self.pid());
    int completed = 0;
    for (int i = 0; i < 3; ++i) {
      while (co_await self.receive<Outcome>() == Outcome::failed) {
      }
      ++completed;
    }
    std::printf("Work completed successfully %d times, whatever failed in between\n", completed);
  });
}
