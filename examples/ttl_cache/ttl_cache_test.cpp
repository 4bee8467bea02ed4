// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "ttl_cache/ttl_cache.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using ttl_cache::Cache;

Async<std::string> get(Process& self, ServerRef<Cache> cache) {
  const auto value = co_await call(self, cache, Cache::Get{"key"});
  co_return value.value_or("-");
}

TEST(TtlCache, an_entry_is_there_until_its_time_and_gone_in_the_end) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto cache = co_await Cache::start_link(self);
    EXPECT_EQ(co_await get(self, cache), "-");
    cast(cache, Cache::Put{"key", "value"});
    EXPECT_EQ(co_await get(self, cache), "value");
    cast(cache, Cache::Put{"key", "short", 5ms});
    while (co_await get(self, cache) != "-") co_await self.sleep(1ms);
  });
}

TEST(TtlCache, an_entry_is_gone_after_its_time) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto cache = co_await Cache::start_link(self);
    cast(cache, Cache::Put{"key", "value"});
    EXPECT_EQ(co_await get(self, cache), "value");
    co_await self.sleep(59s);
    EXPECT_EQ(co_await get(self, cache), "value");
    co_await self.sleep(2s);
    EXPECT_EQ(co_await get(self, cache), "-");
  });
}

TEST(TtlCache, an_entry_that_is_put_again_lives_its_new_time) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto cache = co_await Cache::start_link(self);
    cast(cache, Cache::Put{"key", "old", 10s});
    co_await self.sleep(9s);
    cast(cache, Cache::Put{"key", "new", 10s});
    co_await self.sleep(5s);  // past the first one's time
    EXPECT_EQ(co_await get(self, cache), "new");
    co_await self.sleep(6s);
    EXPECT_EQ(co_await get(self, cache), "-");
  });
}

}  // namespace
