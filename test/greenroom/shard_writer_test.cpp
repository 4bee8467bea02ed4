// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What the writer of a shard makes of the requests that wait for it together.
#include "persistence/shard_writer.hpp"

#include <gtest/gtest.h>
#include <map>

#include <troupe/simulation.hpp>

namespace greenroom {
namespace {

using namespace troupe;

constexpr std::uint64_t requests = 5;
constexpr std::uint64_t spoilt = 3;

// Sends them all before the writer runs, so that they would be one batch.
Async<> store_together(Process& self, StoreHandle store) {
  const Pid writer = spawn(shard_writer, store, storage::Durability::commit);
  for (std::uint64_t revision = 1; revision <= requests; ++revision) {
    const std::size_t size = revision == spoilt ? storage::max_key_bytes + 1 : 3;
    std::string key(size, 'k');
    key += std::to_string(revision);
    send(writer, StoreValue{self.pid(), revision, std::move(key), "value"});
  }
  std::map<std::uint64_t, bool> is_stored;
  while (is_stored.size() < requests) {
    co_await self.receive([&](Stored m) { is_stored[m.revision] = true; },
                          [&](StoreFailed m) { is_stored[m.revision] = false; });
  }
  for (const auto& [revision, stored] : is_stored)
    EXPECT_EQ(stored, revision != spoilt) << revision;
}

TEST(ShardWriter, refuses_alone_what_no_engine_takes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto store = storage::open_memory();
    Simulation simulation{{.seed = seed}};
    auto result = simulation.runtime().try_run(store_together, StoreHandle{store.get(), nullptr});
    EXPECT_TRUE(result.has_value()) << "seed " << seed;
    const auto keys = store->list();
    ASSERT_TRUE(keys.has_value());
    EXPECT_EQ(keys->size(), requests - 1);
  }
}

}  // namespace
}  // namespace greenroom
