// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <gtest/gtest.h>
#include <memory>
#include <thread>
#include <vector>

#include <troupe/net.hpp>
#include <troupe/troupe.hpp>

#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

struct Tick {
  int number;
};

// Waits until `pid` is gone.
Async<> until_gone(Process& self, Pid pid) {
  const Ref ref = self.monitor(pid);
  co_await self.receive(when([&](const Down& down) { return down.ref == ref; }, [](Down) {}));
}

TEST(TimerTest, a_message_comes_after_its_delay_and_never_early) {
  on_every_executor([](Process& self) -> Async<> {
    for (Duration delay :
         {Duration{0}, Duration{1}, Duration{1ms}, Duration{1500us}, Duration{7ms}}) {
      const Duration before = self.monotonic_time();
      send_after(self.pid(), delay, Tick{1});
      (void)co_await self.receive<Tick>();
      EXPECT_GE(self.monotonic_time() - before, delay);
    }
  });
}

TEST(TimerTest, timers_fire_in_the_order_of_their_deadlines) {
  on_every_executor([](Process& self) -> Async<> {
    const Duration now = self.monotonic_time();
    for (int i : {5, 3, 1, 4, 2}) send_at(self.pid(), now + i * 10ms, Tick{i});
    for (int i = 1; i <= 5; ++i) EXPECT_EQ((co_await self.receive<Tick>()).number, i);
  });
}

TEST(TimerTest, of_equal_deadlines_the_one_set_first_fires_first) {
  on_every_executor([](Process& self) -> Async<> {
    // The clock goes on while they are set; the later the deadline, the later the timer.
    for (int i = 0; i < 200; ++i) send_after(self.pid(), 5ms, Tick{i});
    for (int i = 0; i < 200; ++i) EXPECT_EQ((co_await self.receive<Tick>()).number, i);
  });
}

TEST(TimerTest, a_cancelled_timer_tells_what_was_left_and_does_not_fire) {
  on_every_executor([](Process& self) -> Async<> {
    const TimerRef timer = send_after(self.pid(), 10s, Tick{1});
    const auto left = read_timer(timer);
    EXPECT_TRUE(left && *left > 5s && *left <= 10s);
    const auto at_cancel = cancel_timer(timer);
    EXPECT_TRUE(at_cancel && *at_cancel <= *left && *at_cancel > 5s);
    EXPECT_FALSE(cancel_timer(timer).has_value());
    EXPECT_FALSE(read_timer(timer).has_value());
    const TimerRef short_one = send_after(self.pid(), 2ms, Tick{2});
    EXPECT_TRUE(cancel_timer(short_one).has_value());
    co_await self.sleep(5ms);
    EXPECT_FALSE((co_await self.receive<Tick>(0ms)).has_value());
  });
}

TEST(TimerTest, a_timer_that_has_fired_reads_as_nothing_and_a_stale_reference_reaches_no_other) {
  on_every_executor([](Process& self) -> Async<> {
    const TimerRef old = send_after(self.pid(), 0ms, Tick{1});
    (void)co_await self.receive<Tick>();
    EXPECT_FALSE(read_timer(old).has_value());
    const TimerRef next = send_after(self.pid(), 1h, Tick{2});
    EXPECT_FALSE(cancel_timer(old).has_value());
    EXPECT_TRUE(cancel_timer(next).has_value());
    EXPECT_FALSE(cancel_timer(TimerRef{}).has_value());
  });
}

TEST(TimerTest, any_process_may_cancel) {
  on_every_executor([](Process& self) -> Async<> {
    for (int round = 0; round < 30; ++round) {
      const TimerRef timer = send_after(self.pid(), 1ms, Tick{round});
      spawn_monitor(
          [](Process& other_self, Pid owner, TimerRef which) -> Async<> {
            co_await other_self.yield();
            send(owner, cancel_timer(which).has_value());
          },
          self.pid(), timer);
      const bool was_cancelled = co_await self.receive<bool>();
      // Exactly one of the two: it was cancelled, or it fires.
      if (was_cancelled) {
        EXPECT_FALSE((co_await self.receive<Tick>(3ms)).has_value());
      } else {
        EXPECT_TRUE((co_await self.receive<Tick>(5s)).has_value());
      }
      (void)co_await self.receive<Down>();
    }
  });
}

TEST(TimerTest, a_negative_delay_is_refused) {
  on_every_executor([](Process& self) -> Async<> {
    int refused = 0;
    try {
      send_after(self.pid(), -1ms, Tick{1});
    } catch (const ErrorException& error) {
      refused += error.error() == Term{atoms::badarg};
    }
    try {
      start_timer(self.pid(), -1ms, Tick{1});
    } catch (const ErrorException& error) {
      refused += error.error() == Term{atoms::badarg};
    }
    EXPECT_EQ(refused, 2);
    co_return;
  });
}

TEST(TimerTest, a_started_timer_carries_its_own_reference) {
  on_every_executor([](Process& self) -> Async<> {
    const TimerRef first = start_timer(self.pid(), 2ms, Tick{1});
    const TimerRef second = start_timer(self.pid(), 1ms, Tick{2});
    EXPECT_NE(first, second);
    // Which comes first is not asked: on a busy machine the second may have been set too late.
    int numbers = 0;
    for (int i = 0; i < 2; ++i) {
      const auto fired = co_await self.receive<TimerFired<Tick>>();
      EXPECT_EQ(fired.timer, fired.message.number == 1 ? first : second);
      numbers += fired.message.number;
    }
    EXPECT_EQ(numbers, 3);
  });
}

TEST(TimerTest, a_name_is_resolved_when_the_timer_fires) {
  on_every_executor([](Process& self) -> Async<> {
    send_after("timer_test_name", 2ms, Tick{1});
    send_after("timer_test_nobody", 1ms, Tick{2});
    self.register_name("timer_test_name");
    EXPECT_EQ((co_await self.receive<Tick>()).number, 1);
    EXPECT_FALSE((co_await self.receive<Tick>(2ms)).has_value());
  });
}

TEST(TimerTest, a_timer_outlives_who_set_it_and_vanishes_with_its_destination) {
  on_every_executor([](Process& self) -> Async<> {
    const Pid setter = spawn(
        [](Process& setter_self, Pid to) -> Async<> {
          send_after(to, 3ms, Tick{1});
          co_await setter_self.yield();
        },
        self.pid());
    co_await until_gone(self, setter);
    EXPECT_EQ((co_await self.receive<Tick>()).number, 1);

    const Pid target =
        spawn([](Process& target_self) -> Async<> { (void)co_await target_self.receive<Tick>(); });
    const TimerRef timer = send_after(target, 1h, Tick{2});
    EXPECT_TRUE(read_timer(timer).has_value());
    exit(target, "kill");
    co_await until_gone(self, target);
    EXPECT_FALSE(read_timer(timer).has_value());
    EXPECT_FALSE(cancel_timer(timer).has_value());
    send_after(target, 0ms, Tick{3});
    co_await self.sleep(2ms);
  });
}

TEST(TimerTest, ten_thousand_timers_all_fire_once) {
  on_every_executor([](Process& self) -> Async<> {
    constexpr int count = 10'000;
    for (int i = 0; i < count; ++i) {
      send_after(self.pid(), Duration{(i * 7919 % 20) * 1ms}, Tick{i});
    }
    std::vector<bool> seen(count);
    for (int i = 0; i < count; ++i) {
      const int number = (co_await self.receive<Tick>()).number;
      EXPECT_FALSE(seen[static_cast<std::size_t>(number)]);
      seen[static_cast<std::size_t>(number)] = true;
    }
    EXPECT_FALSE((co_await self.receive<Tick>(1ms)).has_value());
  });
}

TEST(TimerTest, fifty_thousand_timers_can_be_cancelled_and_set_again) {
  Runtime runtime{{.execution = Execution::single}};
  const auto cancelled = runtime.try_run([](Process& self) -> Async<int> {
    constexpr int count = 50'000;
    int seen = 0;
    for (int round = 0; round < 2; ++round) {
      std::vector<TimerRef> timers;
      for (int i = 0; i < count; ++i) {
        timers.push_back(send_after(self.pid(), 1h + i * 1us, Tick{i}));
      }
      for (const TimerRef timer : timers) {
        const auto left = cancel_timer(timer);
        seen += left && *left > 50min && *left <= 1h + count * 1us;
      }
    }
    co_return seen;
  });
  EXPECT_EQ(cancelled.value_or(0), 100'000);
}

// However few turns that is: the clock is looked at by time, not only once in so many turns.
TEST(TimerTest, timers_fire_between_the_turns_of_processes_that_take_long) {
  for (const Execution execution : {Execution::single, Execution::threads}) {
    Runtime runtime{{.execution = execution, .workers = 1}};
    const auto turns = runtime.try_run([](Process& self) -> Async<int> {
      const auto long_turn = [](Process& process) {
        const Duration end = process.monotonic_time() + 2ms;
        while (process.monotonic_time() < end) {
        }
      };
      // The worker finds out that turns are long.
      for (int i = 0; i < 40; ++i) {
        long_turn(self);
        co_await self.yield();
      }
      send_after(self.pid(), 1ms, Tick{1});
      int counted = 0;
      while (!co_await self.receive<Tick>(0ms)) {
        long_turn(self);
        ++counted;
        co_await self.yield();
      }
      co_return counted;
    });
    // Due after one, and fired before the next or the one after.
    EXPECT_TRUE(turns && *turns <= 3) << (turns ? *turns : -1);
  }
}

TEST(TimerTest, the_longest_delay_is_accepted) {
  on_every_executor([](Process& self) -> Async<> {
    const TimerRef timer = send_after(self.pid(), infinity, Tick{1});
    EXPECT_TRUE(read_timer(timer).has_value());
    co_await self.sleep(1ms);
    EXPECT_TRUE(cancel_timer(timer).has_value());
  });
}

TEST(TimerTest, threads_outside_set_and_cancel_timers_of_a_sleeping_node) {
  test::for_every_runtime([](Runtime& runtime) {
    auto outcome = runtime.try_run([](Process& self) -> Async<bool> {
      const Pid main = self.pid();
      std::thread outside{[main] {
        const TimerRef dropped = send_after(main, 1h, Tick{1});
        EXPECT_TRUE(cancel_timer(dropped).has_value());
        const TimerRef far = send_after(main, 1h, Tick{2});
        // Later than the one before: the sleeper must be told of the earlier deadline.
        send_after(main, 1ms, Tick{3});
        send(main, far);
      }};
      const int first = (co_await self.receive<Tick>()).number;
      const TimerRef far = co_await self.receive<TimerRef>();
      outside.join();
      co_return first == 3 && cancel_timer(far).has_value();
    });
    EXPECT_TRUE(outcome && *outcome);
  });
}

// A leak or a use of something that is gone would be seen by the sanitizers.
TEST(TimerTest, messages_of_timers_that_never_fired_are_freed_with_the_runtime) {
  struct Payload {
    std::unique_ptr<int> value;
    net::Listener listener;
  };
  on_every_executor([](Process& self) -> Async<> {
    for (int i = 0; i < 10; ++i) {
      auto listener = net::Listener::listen(self, {});
      EXPECT_TRUE(listener.has_value());
      send_after(self.pid(), 1h, Payload{std::make_unique<int>(i), std::move(*listener)});
    }
    co_return;
  });
}

TEST(TimerTest, a_timer_for_a_moment_fires_then_and_at_once_for_the_past) {
  on_every_executor([](Process& self) -> Async<> {
    self.register_name("timer_test_moment");
    const Duration begin = self.monotonic_time();
    send_at(Name{"timer_test_moment"}, begin + 5ms, 2);
    send_at(self.pid(), begin + 10ms, 3);
    const TimerRef stamped = start_timer_at(self.pid(), begin - 1h, 1);
    const TimerFired<int> fired = co_await self.receive<TimerFired<int>>();
    EXPECT_EQ(fired.timer, stamped);
    EXPECT_EQ(fired.message, 1);
    EXPECT_EQ(co_await self.receive<int>(), 2);
    EXPECT_GE(self.monotonic_time(), begin + 5ms);
    EXPECT_EQ(co_await self.receive<int>(), 3);
    EXPECT_GE(self.monotonic_time(), begin + 10ms);
  });
}

TEST(TimerTest, answers_about_timers_can_come_as_messages) {
  on_every_executor([](Process& self) -> Async<> {
    const TimerRef timer = send_after(self.pid(), 1h, 1);
    read_timer_async(timer);
    const TimerRead read = co_await self.receive<TimerRead>();
    EXPECT_EQ(read.timer, timer);
    EXPECT_TRUE(read.left && *read.left > 50min && *read.left <= 1h);
    cancel_timer_async(timer);
    const TimerCancelled cancelled = co_await self.receive<TimerCancelled>();
    EXPECT_EQ(cancelled.timer, timer);
    EXPECT_TRUE(cancelled.left && *cancelled.left <= *read.left);
    cancel_timer_async(timer);
    EXPECT_FALSE((co_await self.receive<TimerCancelled>()).left.has_value());
    const TimerRef silent = send_after(self.pid(), 1h, 2);
    cancel_timer_async(silent, TimerReport::no);
    EXPECT_FALSE(read_timer(silent).has_value());
    EXPECT_FALSE((co_await self.receive<TimerCancelled>(0ms)).has_value());
  });
}

}  // namespace
}  // namespace troupe
