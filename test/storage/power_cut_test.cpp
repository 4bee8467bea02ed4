// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cerrno>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include <troupe/storage.hpp>

#include "storage/backends.hpp"
#include "storage/disk_table.hpp"
#include "storage/log_store.hpp"
#include "storage/simulated_disk.hpp"
#include "storage/simulated_vfs.hpp"

// Every durable backend on a disk that keeps what was synced and nothing else for certain. The
// power fails at every single operation of a run that writes, rotates, folds, closes and opens
// again; afterwards the store must open, show the state after some whole number of batches, and
// that number must cover every acknowledged one.

namespace troupe::storage::test {
namespace {

using State = std::map<std::string, std::string>;
using Survival = SimulatedDisk::Survival;

struct Engine {
  const char* name;
  bool relaxed;
  Result<std::unique_ptr<Store>> (*open)(SimulatedDisk& disk);
};

void PrintTo(const Engine& engine, std::ostream* out) { *out << engine.name; }

struct Batch {
  std::vector<Entry> entries;
  std::vector<bool> removals;

  std::vector<Change> changes() const {
    std::vector<Change> result;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      result.push_back({entries[i].key, entries[i].value, removals[i]});
    }
    return result;
  }
};

struct Script {
  std::vector<Batch> batches;
  std::vector<State> states;  // states[n]: after n batches
};

Script make_script(int length) {
  std::mt19937 random{99};
  Script script;
  script.states.emplace_back();
  for (int n = 0; n < length; ++n) {
    Batch batch;
    State state = script.states.back();
    for (unsigned i = 0; i <= random() % 3; ++i) {
      Entry entry{"key" + std::to_string(random() % 7),
                  std::to_string(n) + std::string(random() % 900, static_cast<char>('a' + n % 26))};
      const bool removal = random() % 4 == 0;
      if (removal) {
        state.erase(entry.key);
      } else {
        state[entry.key] = entry.value;
      }
      batch.entries.push_back(std::move(entry));
      batch.removals.push_back(removal);
    }
    script.batches.push_back(std::move(batch));
    script.states.push_back(std::move(state));
  }
  return script;
}

Result<State> contents(Store& store) {
  State state;
  auto done = store.for_each(
      "", [&](std::string_view key, std::string_view value) { state.emplace(key, value); });
  if (!done) return std::unexpected(done.error());
  return state;
}

struct Progress {
  std::size_t attempted = 0;
  std::size_t safe = 0;  // acknowledged as durable
};

// Runs the script until the disk dies. A relaxed store counts as safe what was flushed.
Progress run(const Engine& engine, SimulatedDisk& disk, const Script& script) {
  Progress progress;
  std::size_t next = 0;
  for (int opening = 0; opening < 2; ++opening) {
    auto store = engine.open(disk);
    if (!store) return progress;
    const std::size_t end = opening == 0 ? script.batches.size() * 2 / 3 : script.batches.size();
    for (; next < end; ++next) {
      progress.attempted = next + 1;
      const auto changes = script.batches[next].changes();
      if (!(*store)->write_batch(changes)) return progress;
      if (!engine.relaxed) progress.safe = next + 1;
      if (next % 5 == 4) {
        if (!(*store)->flush()) return progress;
        progress.safe = next + 1;
      }
      if (next % 11 == 7 && !(*store)->compact()) return progress;
    }
    if (!(*store)->close()) return progress;
    progress.safe = next;
  }
  return progress;
}

// The power goes while the store is open; what its destructor still tries reaches no disk.
void crash(Result<std::unique_ptr<Store>>& store, SimulatedDisk& disk, Survival survival,
           std::uint64_t seed) {
  disk.die_after(0);
  store->reset();
  disk.cut_power(survival, seed);
}

class PowerCut : public testing::TestWithParam<Engine> {};

TEST_P(PowerCut, at_any_operation_loses_nothing_acknowledged_and_no_part_of_a_batch) {
  const Script script = make_script(18);
  std::uint64_t total = 0;
  {
    SimulatedDisk disk;
    SimulatedVfs vfs{"simulated", disk};
    const Progress progress = run(GetParam(), disk, script);
    ASSERT_EQ(progress.safe, script.batches.size());
    total = disk.operations();
  }
  struct Case {
    Survival survival;
    std::uint64_t seed;
  };
  const Case cases[] = {{Survival::nothing, 0},
                        {Survival::everything, 0},
                        {Survival::some, 1},
                        {Survival::some, 2},
                        {Survival::some, 3}};
  for (std::uint64_t moment = 0; moment <= total; ++moment) {
    for (const auto [survival, seed] : cases) {
      SCOPED_TRACE(testing::Message() << "operation " << moment << " of " << total << ", survival "
                                      << static_cast<int>(survival) << ", seed " << seed);
      SimulatedDisk disk;
      SimulatedVfs vfs{"simulated", disk};
      disk.die_after(moment);
      const Progress progress = run(GetParam(), disk, script);
      disk.cut_power(survival, seed + moment);

      auto store = GetParam().open(disk);
      ASSERT_TRUE(succeeded(store));
      auto state = contents(**store);
      ASSERT_TRUE(succeeded(state));
      std::size_t found = progress.attempted + 1;
      for (std::size_t n = progress.safe; n <= progress.attempted; ++n) {
        if (script.states[n] == *state) found = n;
      }
      ASSERT_LE(found, progress.attempted)
          << "safe " << progress.safe << ", attempted " << progress.attempted;

      // And it goes on from there, through another cut.
      ASSERT_TRUE(succeeded((*store)->put("after", "the cut")));
      ASSERT_TRUE(succeeded((*store)->flush()));
      crash(store, disk, survival, seed);
      store = GetParam().open(disk);
      ASSERT_TRUE(succeeded(store));
      State expected = script.states[found];
      expected["after"] = "the cut";
      state = contents(**store);
      ASSERT_TRUE(succeeded(state));
      ASSERT_EQ(*state, expected);
    }
  }
}

// fsync answers EIO once, at every place in turn, and the kernel forgets what it should have
// written.
TEST_P(PowerCut, a_failed_sync_stops_acknowledgements_until_opened_again) {
  const Script script = make_script(12);
  int poisoned = 0;
  for (std::uint64_t place = 0; place < 200; ++place) {
    SCOPED_TRACE(testing::Message() << "sync " << place);
    SimulatedDisk disk;
    SimulatedVfs vfs{"simulated", disk};
    auto store = GetParam().open(disk);
    ASSERT_TRUE(succeeded(store));
    disk.fail(SimulatedDisk::Operation::sync, place, EIO);
    std::size_t safe = 0;
    std::size_t attempted = 0;
    bool failed = false;
    for (std::size_t n = 0; n < script.batches.size(); ++n) {
      const auto changes = script.batches[n].changes();
      auto done = (*store)->write_batch(changes);
      if (done) done = (*store)->flush();
      attempted = n + 1;
      if (!done) {
        failed = true;
        // What was read before is still readable, but nothing is acknowledged, however often tried.
        EXPECT_TRUE(refused(done, ErrorKind::poisoned, "opened again"));
        EXPECT_TRUE(refused((*store)->put("k", "v"), ErrorKind::poisoned, "opened again"));
        EXPECT_TRUE(refused((*store)->flush(), ErrorKind::poisoned));
        EXPECT_TRUE(refused((*store)->compact(), ErrorKind::poisoned));
        EXPECT_TRUE(succeeded(contents(**store)));
        break;
      }
      safe = n + 1;
    }
    store->reset();
    if (!failed) break;
    ++poisoned;

    // The machine goes on: opened again, more written, and only then the power fails.
    store = GetParam().open(disk);
    ASSERT_TRUE(succeeded(store));
    auto state = contents(**store);
    ASSERT_TRUE(succeeded(state));
    ASSERT_TRUE(*state == script.states[safe] || *state == script.states[attempted]);
    State expected = *state;
    ASSERT_TRUE(succeeded((*store)->put("after", "the failure")));
    ASSERT_TRUE(succeeded((*store)->flush()));
    expected["after"] = "the failure";
    crash(store, disk, Survival::nothing, 0);
    store = GetParam().open(disk);
    ASSERT_TRUE(succeeded(store));
    state = contents(**store);
    ASSERT_TRUE(succeeded(state));
    ASSERT_EQ(*state, expected);
  }
  EXPECT_GE(poisoned, 5);
}

// Any operation may fail once for want of room; the batch is refused whole, the store goes on.
TEST_P(PowerCut, a_full_disk_at_any_operation_costs_the_batch_and_nothing_else) {
  const Script script = make_script(12);
  int refusals = 0;
  for (std::uint64_t place = 0; place < 80; ++place) {
    SCOPED_TRACE(testing::Message() << "write " << place);
    SimulatedDisk disk;
    SimulatedVfs vfs{"simulated", disk};
    auto store = GetParam().open(disk);
    ASSERT_TRUE(succeeded(store));
    disk.fail(SimulatedDisk::Operation::write, place, ENOSPC);
    State expected;
    for (const Batch& batch : script.batches) {
      const auto changes = batch.changes();
      auto done = (*store)->write_batch(changes);
      if (!done) {
        ++refusals;
        ASSERT_TRUE(refused(done, ErrorKind::full_disk));
        auto state = contents(**store);
        ASSERT_TRUE(succeeded(state));
        ASSERT_EQ(*state, expected);
        done = (*store)->write_batch(changes);  // There is room again.
      }
      ASSERT_TRUE(succeeded(done));
      for (std::size_t i = 0; i < batch.entries.size(); ++i) {
        if (batch.removals[i]) {
          expected.erase(batch.entries[i].key);
        } else {
          expected[batch.entries[i].key] = batch.entries[i].value;
        }
      }
    }
    ASSERT_TRUE(succeeded((*store)->flush()));
    crash(store, disk, Survival::nothing, 0);
    store = GetParam().open(disk);
    ASSERT_TRUE(succeeded(store));
    auto state = contents(**store);
    ASSERT_TRUE(succeeded(state));
    ASSERT_EQ(*state, expected);
  }
  EXPECT_GE(refusals, 10);  // Some failures cost nothing, such as that of zeros ahead of the log.
}

const Engine engines[] = {
    {"log", false,
     [](SimulatedDisk& disk) {
       return open_log("/log", {.snapshot_bytes = 3000, .preallocate_bytes = 0, .disk = &disk});
     }},
    {"log_preallocated", false,
     [](SimulatedDisk& disk) {
       return open_log("/log", {.snapshot_bytes = 1500, .preallocate_bytes = 2000, .disk = &disk});
     }},
    {"log_relaxed", true,
     [](SimulatedDisk& disk) {
       return open_log("/log", {.durability = Durability::relaxed,
                                .snapshot_bytes = 4000,
                                .preallocate_bytes = 1000,
                                .disk = &disk});
     }},
    {"log_on_disk", false,
     [](SimulatedDisk& disk) {
       return open_log("/log", {.residence = Residence::on_disk,
                                .snapshot_bytes = 1500,
                                .preallocate_bytes = 2000,
                                .disk = &disk});
     }},
    {"log_on_disk_relaxed", true,
     [](SimulatedDisk& disk) {
       return open_log("/log", {.durability = Durability::relaxed,
                                .residence = Residence::on_disk,
                                .snapshot_bytes = 4000,
                                .preallocate_bytes = 0,
                                .disk = &disk});
     }},
    {"log_on_disk_colliding", false,
     [](SimulatedDisk& disk) {
       return open_log_with(std::make_unique<log::DiskTable>(HashKey{1, 2}, std::uint64_t{1} << 63),
                            "/log", {.snapshot_bytes = 3000, .preallocate_bytes = 0, .disk = &disk},
                            0, false);
     }},
    {"files", false, [](SimulatedDisk& disk) { return open_files("/files", {.disk = &disk}); }},
    {"sqlite", false,
     [](SimulatedDisk& disk) {
       return open_sqlite("/store.db", {.checkpoint_pages = 12, .vfs = "simulated", .disk = &disk});
     }},
    {"sqlite_relaxed", true,
     [](SimulatedDisk& disk) {
       return open_sqlite("/store.db", {.durability = Durability::relaxed,
                                        .checkpoint_pages = 12,
                                        .vfs = "simulated",
                                        .disk = &disk});
     }},
};

INSTANTIATE_TEST_SUITE_P(, PowerCut, testing::ValuesIn(engines),
                         [](const auto& test) { return std::string{test.param.name}; });

}  // namespace
}  // namespace troupe::storage::test
