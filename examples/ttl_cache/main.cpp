// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "ttl_cache.hpp"

using ttl_cache::Cache;

int main() {
  return run([](Process& self) -> Async<> {
    const auto cache = co_await Cache::start_link(self);
    cast(cache, Cache::Put{"greeting", "hello", 2s});
    std::printf("at once: %s\n",
                (co_await call(self, cache, Cache::Get{"greeting"})).value_or("-").c_str());
    co_await self.sleep(3s);
    std::printf("later: %s\n",
                (co_await call(self, cache, Cache::Get{"greeting"})).value_or("-").c_str());
  });
}
