// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "rate_limiter.hpp"

using namespace rate_limiter;

Async<> show(Process& self, Pid limiter, const char* who) {
  const Remaining remaining = co_await check_request(self, limiter, who);
  if (remaining) {
    std::printf("%s: allowed, %d left\n", who, *remaining);
  } else {
    std::printf("%s: refused\n", who);
  }
}

int main() {
  return run([](Process& self) -> Async<> {
    const Pid limits = spawn(limiter, Limit{.requests = 2, .window = 2s});
    for (const char* who : {"ada", "ada", "ada", "bob"}) co_await show(self, limits, who);
    co_await self.sleep(3s);
    co_await show(self, limits, "ada");
  });
}
