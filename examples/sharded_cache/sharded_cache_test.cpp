// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "sharded_cache/sharded_cache.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace sharded_cache;

// Reads back what another process has written.
Async<> reader(Process& self, ServerRef<Cache> cache, Pid tell) {
  send(tell, co_await call(self, cache, Cache::Get{"key"}));
}

TEST(SharedCache, two_processes_share_it_by_messages) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto cache = co_await Cache::start_link(self);
    co_await call(self, cache, Cache::Set{"key", "value"});
    spawn(reader, cache, self.pid());
    EXPECT_EQ(co_await self.receive<std::optional<std::string>>(), "value");
    EXPECT_EQ(co_await call(self, cache, Cache::Get{"other"}), std::nullopt);
  });
}

TEST(ShardedCache, keys_spread_over_the_shards_and_are_found) {
  test::on_every_executor([](Process& self) -> Async<> {
    const ShardedCache cache{4};
    co_await Supervisor::start_link(self, children(cache.spec()));
    for (int i = 0; i < 400; ++i) co_await cache.set(self, std::to_string(i), "v");
    for (const std::size_t size : co_await cache.sizes(self)) EXPECT_GT(size, 50u);
    EXPECT_EQ(co_await cache.get(self, "399"), "v");
    EXPECT_EQ(co_await cache.get(self, "400"), std::nullopt);
  });
}

TEST(ShardedCache, the_crash_of_a_shard_loses_its_part_and_no_other) {
  test::on_every_executor([](Process& self) -> Async<> {
    const ShardedCache cache{2};
    co_await Supervisor::start_link(self, children(cache.spec()));
    std::string other = "b";
    while (cache.shard_of(other) == cache.shard_of("a")) other += 'b';
    co_await cache.set(self, "a", "1");
    co_await cache.set(self, other, "2");
    const Pid victim = cache.shard_of("a").pid();
    self.monitor(victim);
    exit(victim, atoms::kill);
    co_await self.receive<Down>();
    while (!cache.shard_of("a").pid()) co_await self.yield();
    EXPECT_EQ(co_await cache.get(self, "a"), std::nullopt);
    EXPECT_EQ(co_await cache.get(self, other), "2");
  });
}

}  // namespace
