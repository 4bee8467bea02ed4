// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "anti_patterns.hpp"

using namespace anti_patterns;

int main() {
  std::printf("two that share: %d\n", two_that_share());
  return run([](Process& self) -> Async<> {
    const auto counter = co_await OwnedCounter::start_link(self);
    co_await call(self, counter, OwnedCounter::Increment{});
    std::printf("one that owns: %d\n", co_await call(self, counter, OwnedCounter::Increment{}));
    for (const char* customer : {"ada", "", "bob"}) spawn(order, std::string{customer}, self.pid());
    const std::string first = co_await self.receive<std::string>();
    const std::string second = co_await self.receive<std::string>();
    std::printf("three orders, one of them broken: %zu done\n",
                static_cast<std::size_t>(!first.empty()) + !second.empty());
  });
}
