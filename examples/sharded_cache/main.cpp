// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "sharded_cache.hpp"

using namespace sharded_cache;

int main() {
  return run([](Process& self) -> Async<> {
    const ShardedCache cache{4};
    co_await Supervisor::start_link(self, children(cache.spec()));
    for (int i = 0; i < 1'000; ++i) {
      co_await cache.set(self, "key" + std::to_string(i), std::to_string(i));
    }
    std::printf("key77 is %s\n", (co_await cache.get(self, "key77"))->c_str());
    std::size_t total = 0;
    for (const std::size_t size : co_await cache.sizes(self)) total += size;
    std::printf("1000 keys on 4 shards: %zu\n", total);
  });
}
