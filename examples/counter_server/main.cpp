// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "counter_server.hpp"

using counter_server::Counter;

int main() {
  return run([](Process& self) -> Async<int> {
    co_await Supervisor::start_link(self, children(child<Counter>(10).named("counter")));
    auto counter = named<Counter>("counter");  // looked up at each use: it survives a restart
    std::printf("Initial: %d\n", co_await call(self, counter, Counter::Get{}));
    cast(counter, Counter::Increment{});
    std::printf("After increment: %d\n", co_await call(self, counter, Counter::Get{}));
    const int n = co_await call(self, counter, Counter::IncrementBy{5});
    std::printf("After increment_by(5): %d\n", n);
    auto watched = self.monitor("counter");
    cast(counter, Counter::Break{});  // crashes; the supervisor starts a fresh one
    co_await self.receive([&](Down down) { return down.ref == watched; });
    while (!whereis("counter")) co_await self.yield();
    std::printf("After the crash: %d\n", co_await call(self, counter, Counter::Get{}));
    co_return n == 16 ? 0 : 1;
  });
}
