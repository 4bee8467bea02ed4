// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What the writer of a shard makes of the requests that wait for it together.
#include "persistence/shard_writer.hpp"

#include <gtest/gtest.h>
#include <map>

#include <troupe/simulation.hpp>

#include "support/captured_log.hpp"

namespace greenroom {
namespace {

using namespace troupe;
using namespace std::chrono_literals;

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

// Cannot flush at first.
class ReluctantStore final : public storage::Store {
 public:
  static constexpr int failing = 3;
  int flushes = 0;

 private:
  storage::Result<std::optional<std::string>> do_get(std::string_view) override { return {}; }
  storage::Result<void> do_write(std::span<const storage::Change>) override { return {}; }
  storage::Result<void> do_visit(const storage::Scan&, storage::Visit, void*) override {
    return {};
  }
  storage::Result<void> do_flush() override {
    if (++flushes > failing) return {};
    return std::unexpected{storage::StorageError{storage::ErrorKind::full_disk, "no space"}};
  }
  storage::Result<void> do_compact() override { return {}; }
  storage::Result<void> do_close() override { return {}; }
};

Async<> store_one_and_wait(Process& self, StoreHandle store) {
  const Pid writer = spawn(shard_writer, store, storage::Durability::relaxed);
  send(writer, StoreValue{self.pid(), 1, "key", "value"});
  co_await self.receive<Stored>();
  co_await self.sleep(1s);
  EXPECT_EQ(store.health->shards_failing, 1u);
  co_await self.sleep(9s);
  EXPECT_EQ(store.health->shards_failing, 0u);
  EXPECT_EQ(static_cast<ReluctantStore*>(store.store)->flushes, ReluctantStore::failing + 1);
}

TEST(ShardWriter, flushes_again_what_could_not_be_flushed_and_complains_once) {
  test::CapturedLog log;
  ReluctantStore store;
  StorageHealth health;
  Simulation simulation{{.seed = 1}};
  auto result =
      simulation.runtime().try_run(store_one_and_wait, StoreHandle{&store, nullptr, &health});
  EXPECT_TRUE(result.has_value());
  EXPECT_EQ(health.writes_failed, std::uint64_t{ReluctantStore::failing});
  EXPECT_EQ(log.count("storage could not be flushed: no space"), 1);
  EXPECT_EQ(log.count("storage works again"), 1);
}

}  // namespace
}  // namespace greenroom
