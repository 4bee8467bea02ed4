// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <troupe/durable_timers.hpp>
#include <troupe/event_sourced_server.hpp>
#include <troupe/persistent_server.hpp>
#include <troupe/simulation.hpp>

#include "storage/backends.hpp"
#include "storage/simulated_disk.hpp"
#include "storage/simulated_vfs.hpp"
#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

// What stands on stores (the pool, persistent and event-sourced servers, durable timers), on a disk
// that keeps what was synced and nothing else for certain. The power fails at moments all over a
// simulated run; then another run starts on what is left, and must find everything that anybody was
// told. TROUPE_CUTS says how many moments (15); with a large number it is every operation.

namespace troupe::storage::test {
namespace {

using namespace std::chrono_literals;
using Survival = SimulatedDisk::Survival;

const StorePool pool{"pool", 2};

struct Engine {
  const char* name;
  Result<std::unique_ptr<Store>> (*open)(SimulatedDisk& disk, unsigned worker, unsigned workers);
};

const Engine engines[] = {
    {"part of logs",
     [](SimulatedDisk& disk, unsigned worker, unsigned workers) {
       return open_part("/pool", worker, workers, {.disk = &disk});
     }},
    {"part of files",
     [](SimulatedDisk& disk, unsigned worker, unsigned workers) {
       return open_part("/pool", worker, workers, {.files = true, .disk = &disk});
     }},
    {"log with snapshots",
     [](SimulatedDisk& disk, unsigned worker, unsigned) {
       return open_log("/log" + std::to_string(worker),
                       {.snapshot_bytes = 1500, .preallocate_bytes = 2000, .disk = &disk});
     }},
    {"sqlite",
     [](SimulatedDisk& disk, unsigned worker, unsigned) {
       return open_sqlite("/store" + std::to_string(worker) + ".db",
                          {.checkpoint_pages = 12, .vfs = "simulated", .disk = &disk});
     }},
};

// Runs `body(self)` on a machine with this disk: the pool is started before it, or has failed to.
template <class Body>
auto boot(const Engine& engine, SimulatedDisk& disk, std::uint64_t seed, Body body) {
  const SimulatedVfs vfs{"simulated", disk};
  Simulation simulation{{.seed = seed}};
  using Returned = std::invoke_result_t<Body&, Process&>;
  auto done = simulation.runtime().try_run([&](Process& self) -> Returned {
    self.trap_exits();
    auto open = [&disk, open = engine.open](unsigned worker, unsigned workers) {
      return open(disk, worker, workers);
    };
    (void)co_await Supervisor::try_start_link(self, children(pool.child(std::move(open))));
    co_return co_await body(self);
  });
  EXPECT_TRUE(done.has_value()) << "main ended with "
                                << (done ? std::string{} : done.error().to_string());
  return done;
}

// `work(self)` runs until the power fails, and returns what somebody was told; `look(self, told)`
// runs on what is left.
template <class Work, class Look>
void at_many_cuts(Work work, Look look) {
  const troupe::test::CapturedLog log;
  const std::uint64_t cuts = troupe::test::number_from_environment("TROUPE_CUTS", 15);
  for (const Engine& engine : engines) {
    std::uint64_t total = 0;
    {
      SCOPED_TRACE(testing::Message() << engine.name << ", without a cut");
      SimulatedDisk disk;
      const auto told = boot(engine, disk, 1, work);
      ASSERT_TRUE(told.has_value());
      total = disk.operations();
      boot(engine, disk, 2, [&](Process& self) { return look(self, *told); });
    }
    const std::uint64_t stride = std::max<std::uint64_t>(1, total / cuts);
    for (std::uint64_t moment = 0; moment <= total; moment += stride) {
      for (const Survival survival : {Survival::nothing, Survival::some, Survival::everything}) {
        SCOPED_TRACE(testing::Message() << engine.name << ", operation " << moment << " of "
                                        << total << ", survival " << static_cast<int>(survival));
        SimulatedDisk disk;
        disk.die_after(moment);
        const auto told = boot(engine, disk, moment + 1, work);
        ASSERT_TRUE(told.has_value());
        disk.cut_power(survival, moment);
        boot(engine, disk, moment + 2, [&](Process& self) { return look(self, *told); });
        ASSERT_FALSE(testing::Test::HasFailure());
      }
    }
  }
}

// Of something that only grows: what was answered, and what was asked for.
struct Count {
  int acknowledged = 0;
  int attempted = 0;
};

// --- StorePool

struct Wrote {
  std::string key;
  int number = 0;
  bool done = false;
};
constexpr int writes = 6;

Async<> writer(Process& self, Pid tell, std::string key) {
  for (int number = 1; number <= writes; ++number) {
    const auto done = co_await put(self, pool, key, std::to_string(number));
    send(tell, Wrote{key, number, done.has_value()});
    if (!done) co_return;
  }
}

TEST(PowerCutUnderProcesses, no_write_that_a_pool_acknowledged_is_missing) {
  using Told = std::map<std::string, Count>;
  at_many_cuts(
      [](Process& self) -> Async<Told> {
        Told told;
        int running = 5;
        for (int i = 0; i < running; ++i) spawn(writer, self.pid(), "key" + std::to_string(i));
        while (running > 0) {
          const Wrote wrote = co_await self.receive<Wrote>();
          Count& count = told[wrote.key];
          count.attempted = wrote.number;
          if (wrote.done) count.acknowledged = wrote.number;
          if (!wrote.done || wrote.number == writes) --running;
        }
        co_return told;
      },
      [](Process& self, Told told) -> Async<> {
        for (const auto& [key, count] : told) {
          const auto value = co_await get(self, pool, key);
          EXPECT_TRUE(succeeded(value));
          const int number = value && *value ? std::stoi(**value) : 0;
          EXPECT_GE(number, count.acknowledged) << key;
          EXPECT_LE(number, count.attempted) << key;
          EXPECT_TRUE(succeeded(co_await put(self, pool, key, "after the cut")));
        }
      });
}

// --- PersistentServer

struct Total {
  int value = 0;
};
struct Tally : PersistentServer<Tally, Total> {
  Persistence persistence() const { return {pool, "tally"}; }
  struct Add {
    using Reply = int;
  };
  struct Ask {
    using Reply = int;
  };
  int handle_call(Add) {
    changed();
    return ++state.value;
  }
  int handle_call(Ask) { return state.value; }
};

struct Heard {
  int value = 0;  // zero: that it failed
};
constexpr int additions = 5;
Async<> client(Process& self, ServerRef<Tally> tally, Pid tell) {
  for (int i = 0; i < additions; ++i) {
    const auto value = co_await try_call(self, tally, Tally::Add{});
    send(tell, Heard{value.value_or(0)});
  }
}

TEST(PowerCutUnderProcesses, no_change_that_a_persistent_server_has_answered_is_missing) {
  at_many_cuts(
      [](Process& self) -> Async<Count> {
        Count told;
        const auto tally = co_await Tally::try_start_link(self);
        if (!tally) co_return told;
        constexpr int clients = 3;
        for (int i = 0; i < clients; ++i) spawn(client, *tally, self.pid());
        for (int i = 0; i < clients * additions; ++i) {
          const Heard heard = co_await self.receive<Heard>();
          told.acknowledged = std::max(told.acknowledged, heard.value);
          ++told.attempted;
        }
        co_return told;
      },
      [](Process& self, Count told) -> Async<> {
        const auto tally = co_await Tally::start_link(self);
        const int value = co_await call(self, tally, Tally::Ask{});
        EXPECT_GE(value, told.acknowledged);
        EXPECT_LE(value, told.attempted);
        EXPECT_EQ(co_await call(self, tally, Tally::Add{}), value + 1);
      });
}

// --- EventSourcedServer

struct Ledger : EventSourcedServer<Ledger, Total, int> {
  EventLog event_log() const { return {pool, "ledger", 4, 1}; }
  static void apply(Total& total, const int& amount) { total.value += amount; }
  struct Add {
    using Reply = bool;
  };
  struct Ask {
    using Reply = int;
  };
  Async<bool> handle_call(Process& self, Add) { co_return (co_await commit(self, 1)).has_value(); }
  int handle_call(Ask) { return state().value; }
};

TEST(PowerCutUnderProcesses, no_event_that_was_committed_is_missing) {
  at_many_cuts(
      [](Process& self) -> Async<Count> {
        Count told;
        const auto ledger = co_await Ledger::try_start_link(self);
        for (int i = 0; ledger && i < 14; ++i) {
          ++told.attempted;
          const auto done = co_await try_call(self, *ledger, Ledger::Add{});
          if (!done || !*done) break;
          ++told.acknowledged;
        }
        co_return told;
      },
      [](Process& self, Count told) -> Async<> {
        const auto ledger = co_await Ledger::start_link(self);
        const int value = co_await call(self, ledger, Ledger::Ask{});
        EXPECT_GE(value, told.acknowledged);
        EXPECT_LE(value, told.attempted);
        EXPECT_TRUE(co_await call(self, ledger, Ledger::Add{}));
        EXPECT_EQ(co_await call(self, ledger, Ledger::Ask{}), value + 1);
      });
}

// --- DurableTimers

struct TimersTold {
  std::set<std::string> set;        // acknowledged
  std::set<std::string> cancelled;  // acknowledged
  std::set<std::string> uncertain;  // asked to cancel, and no answer
  std::set<std::string> fired;
};

Async<std::set<std::string>> fired_within(Process& self, Duration time) {
  std::set<std::string> names;
  const Duration end = self.monotonic_time() + time;
  while (const auto tick = co_await self.receive<DurableTick>(end - self.monotonic_time())) {
    names.insert(tick->timer);
    if (self.monotonic_time() >= end) break;
  }
  co_return names;
}

// Sets eight timers, and cancels every third; the first of them are due meanwhile.
Async<TimersTold> use_timers(Process& self) {
  TimersTold told;
  for (int i = 0; i < 8; ++i) {
    const std::string name = "timer" + std::to_string(i);
    DurableTimer timer{.name = name, .to = Atom{"receiver"}, .message = Term{i}, .at = {}};
    timer.at = self.system_time() + (i % 3 == 2 ? 1h : (i + 1) * 1s);
    if (!co_await DurableTimers::set(self, "timers", timer)) co_return told;
    told.set.insert(name);
    if (i % 3 == 2) {
      told.uncertain.insert(name);
      const auto gone = co_await DurableTimers::cancel(self, "timers", name);
      if (!gone) co_return told;
      told.uncertain.erase(name);
      told.cancelled.insert(name);
    }
    told.fired.merge(co_await fired_within(self, 700ms));
  }
  co_return told;
}

TEST(PowerCutUnderProcesses, every_timer_that_was_set_fires_and_none_that_was_cancelled) {
  at_many_cuts(
      [](Process& self) -> Async<TimersTold> {
        self.register_name("receiver");
        TimersTold told;
        auto timers = children(DurableTimers::child("timers", pool));
        if (!co_await Supervisor::try_start_link(self, std::move(timers))) co_return told;
        co_return co_await use_timers(self);
      },
      [](Process& self, TimersTold told) -> Async<> {
        self.register_name("receiver");
        auto timers = children(DurableTimers::child("timers", pool));
        co_await Supervisor::start_link(self, std::move(timers));
        const auto fired = co_await fired_within(self, 2h);
        for (const std::string& name : told.set) {
          if (told.cancelled.contains(name)) {
            EXPECT_FALSE(fired.contains(name)) << name;
          } else if (!told.uncertain.contains(name)) {
            EXPECT_TRUE(fired.contains(name) || told.fired.contains(name)) << name;
          }
        }
      });
}

}  // namespace
}  // namespace troupe::storage::test
