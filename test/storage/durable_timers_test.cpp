// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Timers that survive a restart, in simulated time.
#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <troupe/durable_timers.hpp>

#include "storage/backends.hpp"
#include "storage/watched_stores.hpp"
#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe::storage::test {
namespace {

using namespace std::chrono_literals;
using troupe::test::CapturedLog;
using troupe::test::on_every_seed;

const StorePool pool{"pool", 2};

// The stores stay; the timer server ends and starts again.
struct Clockwork {
  explicit Clockwork(Process& self) : now{self.system_time()} {}
  Async<> start(Process& self) {
    auto top = co_await Supervisor::start_link(self, children(pool.child(opens(stores))));
    stores_top = top.pid();
    co_await start_timers(self);
  }
  Async<> start_timers(Process& self) {
    auto top =
        co_await Supervisor::start_link(self, children(DurableTimers::child("timers", pool)));
    timers_top = top.pid();
  }
  Async<> stop_timers(Process& self) {
    const Ref monitor = self.monitor(timers_top);
    self.unlink(timers_top);
    troupe::exit(timers_top, atoms::shutdown);
    while ((co_await self.receive<Down>()).ref != monitor) {
    }
  }

  std::shared_ptr<WatchedStores> stores = std::make_shared<WatchedStores>();
  Pid stores_top;
  Pid timers_top;
  Duration now;
};

DurableTimer timer(std::string name, Duration at, Duration every = {},
                   MissedTicks missed = MissedTicks::once) {
  return {std::move(name), Atom{"receiver"}, atom("tick"), at, every, missed};
}

Async<std::vector<DurableTick>> ticks(Process& self) {
  std::vector<DurableTick> all;
  while (auto tick = co_await self.receive<DurableTick>(0ms)) all.push_back(std::move(*tick));
  co_return all;
}

TEST(DurableTimers, a_timer_fires_once_and_is_forgotten) {
  on_every_seed(
      [](Process& self) -> Async<> {
        self.register_name("receiver");
        Clockwork clockwork{self};
        co_await clockwork.start(self);
        EXPECT_TRUE(succeeded(
            co_await DurableTimers::set(self, "timers", timer("a", self.system_time() + 10s))));
        EXPECT_FALSE(co_await self.receive<DurableTick>(9s));
        const auto tick = co_await self.receive<DurableTick>(2s);
        EXPECT_TRUE(tick && tick->timer == "a" && tick->message == atom("tick") &&
                    tick->missed == 0);
        EXPECT_FALSE(co_await self.receive<DurableTick>(1h));
        EXPECT_TRUE((co_await DurableTimers::all(self, "timers")).empty());
        auto keys = co_await list(self, pool);
        EXPECT_TRUE(keys && keys->empty());
      },
      5);
}

TEST(DurableTimers, it_survives_a_restart_and_can_be_replaced_and_cancelled) {
  on_every_seed(
      [](Process& self) -> Async<> {
        self.register_name("receiver");
        Clockwork clockwork{self};
        co_await clockwork.start(self);
        const Duration start = self.system_time();
        for (const char* name : {"a", "b", "c"}) {
          EXPECT_TRUE(
              succeeded(co_await DurableTimers::set(self, "timers", timer(name, start + 10min))));
        }
        EXPECT_TRUE(
            succeeded(co_await DurableTimers::set(self, "timers", timer("b", start + 5min))));
        auto cancelled = co_await DurableTimers::cancel(self, "timers", "c");
        EXPECT_TRUE(cancelled && *cancelled);
        cancelled = co_await DurableTimers::cancel(self, "timers", "c");
        EXPECT_TRUE(cancelled && !*cancelled);
        co_await clockwork.stop_timers(self);
        co_await clockwork.start_timers(self);
        const auto first = co_await self.receive<DurableTick>(6min);
        EXPECT_TRUE(first && first->timer == "b");
        const auto second = co_await self.receive<DurableTick>(6min);
        EXPECT_TRUE(second && second->timer == "a");
        EXPECT_FALSE(co_await self.receive<DurableTick>(1h));
      },
      5);
}

TEST(DurableTimers, ticks_missed_while_it_was_down_follow_the_policy) {
  on_every_seed(
      [](Process& self) -> Async<> {
        self.register_name("receiver");
        Clockwork clockwork{self};
        co_await clockwork.start(self);
        const Duration start = self.system_time();
        const Duration every = 1min;
        for (const auto& [name, missed] :
             {std::pair{"once", MissedTicks::once}, std::pair{"all", MissedTicks::all},
              std::pair{"skip", MissedTicks::skip}}) {
          EXPECT_TRUE(succeeded(co_await DurableTimers::set(
              self, "timers", timer(name, start + every, every, missed))));
        }
        EXPECT_TRUE(succeeded(co_await DurableTimers::set(
            self, "timers", timer("single", start + every, {}, MissedTicks::skip))));
        co_await clockwork.stop_timers(self);
        co_await self.sleep(4min + 30s);
        co_await clockwork.start_timers(self);
        std::vector<std::string> seen;
        for (const DurableTick& tick : co_await ticks(self)) {
          seen.push_back(tick.timer + " " + std::to_string((tick.due - start) / every) + " " +
                         std::to_string(tick.missed));
        }
        std::ranges::sort(seen);
        EXPECT_EQ(seen, (std::vector<std::string>{"all 1 0", "all 2 0", "all 3 0", "all 4 0",
                                                  "once 4 3"}));
        co_await self.sleep(every);
        EXPECT_EQ((co_await ticks(self)).size(), 3U);
      },
      5);
}

TEST(DurableTimers, a_tick_waits_for_its_receiver) {
  on_every_seed(
      [](Process& self) -> Async<> {
        Clockwork clockwork{self};
        co_await clockwork.start(self);
        EXPECT_TRUE(succeeded(
            co_await DurableTimers::set(self, "timers", timer("a", self.system_time() + 1s))));
        co_await self.sleep(1min);
        self.register_name("receiver");
        const auto tick = co_await self.receive<DurableTick>(3s);
        EXPECT_TRUE(tick && tick->timer == "a");
      },
      5);
}

TEST(DurableTimers, a_timer_set_for_the_past_is_due_at_once) {
  on_every_seed(
      [](Process& self) -> Async<> {
        self.register_name("receiver");
        Clockwork clockwork{self};
        co_await clockwork.start(self);
        EXPECT_TRUE(succeeded(co_await DurableTimers::set(self, "timers", timer("a", Duration{}))));
        EXPECT_TRUE(co_await self.receive<DurableTick>(2s));
      },
      2);
}

TEST(DurableTimers, a_crash_between_tick_and_store_sends_it_again) {
  CapturedLog log;
  on_every_seed(
      [](Process& self) -> Async<> {
        self.register_name("receiver");
        Clockwork clockwork{self};
        co_await clockwork.start(self);
        EXPECT_TRUE(succeeded(
            co_await DurableTimers::set(self, "timers", timer("a", self.system_time() + 1s))));
        clockwork.stores->is_full = true;
        EXPECT_TRUE(co_await self.receive<DurableTick>(2s));
        co_await self.sleep(10ms);  // the timer could not be struck off
        clockwork.stores->is_full = false;
        co_await clockwork.stop_timers(self);
        co_await clockwork.start_timers(self);
        EXPECT_TRUE(co_await self.receive<DurableTick>(2s));
        EXPECT_FALSE(co_await self.receive<DurableTick>(1h));
      },
      2);
}

}  // namespace
}  // namespace troupe::storage::test
