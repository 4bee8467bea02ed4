// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "agents.hpp"

using namespace agents;

int main() {
  return run([](Process& self) -> Async<> {
    const auto counter = co_await Counter::start_link(self, 0);
    co_await add(self, counter, 1);
    co_await add(self, counter, 5);
    std::printf("Current count: %d\n", co_await count(self, counter));

    co_await Cache::start_link(self, {.name = "cache"}, Entries{});
    const auto cache = named<Cache>("cache");
    co_await put(self, cache, "key", "value");
    std::printf("key: %s\n", (co_await get(self, cache, "key"))->c_str());
  });
}
