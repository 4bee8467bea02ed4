// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Processes that keep their worker: who goes on meanwhile, what is reported, and that nobody wakes
// up when nothing happens. Only real threads have workers that can be kept, so only those are
// tested. The processes that loop here do so until another one stops them: without the watchdog
// these tests would never end.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <thread>
#include <unistd.h>
#include <vector>

#include <troupe/net.hpp>
#include <troupe/troupe.hpp>

#include "host/stack_trace.hpp"
#include "support/captured_log.hpp"
#include "support/idle_program.hpp"

namespace troupe {

// What several threads of a test share; not something to put into a message otherwise.
struct Shared {
  std::atomic<bool> done{false};
  std::atomic<int> looping{0};
  std::atomic<int> ticks{0};
  std::atomic<std::uint16_t> first_port{0};
  std::atomic<std::uint16_t> second_port{0};
};
template <>
inline constexpr bool enable_message<std::shared_ptr<Shared>> = true;

namespace {

using namespace std::chrono_literals;
using test::let_time_pass;
using SharedState = std::shared_ptr<Shared>;

struct Ready {};

RuntimeOptions with_workers(unsigned workers, unsigned extra = 8) {
  return {.workers = workers, .max_extra_workers = extra};
}

[[gnu::noinline]] void loop_until_done(Shared& shared) {
  ++shared.looping;
  while (!shared.done.load(std::memory_order_relaxed)) {
  }
  --shared.looping;
}

void hog(Process&, SharedState shared) { loop_until_done(*shared); }

Async<> tick(Process& self, SharedState shared) {
  while (!shared->done) {
    co_await self.sleep(1ms);
    ++shared->ticks;
  }
}

// A report waits only so long for names to be read; these tests want them.
void read_names() {
  void* here[] = {reinterpret_cast<void*>(&read_names)};
  (void)describe_stack(here);
}

TEST(WatchdogTest, processes_go_on_while_others_keep_every_worker) {
  for (unsigned workers : {1U, 2U}) {
    Runtime runtime{with_workers(workers)};
    const auto shared = std::make_shared<Shared>();
    const auto result = runtime.try_run(
        [](Process& self, SharedState state, unsigned count) -> Async<> {
          for (int i = 0; i < 100; ++i) spawn(tick, state);
          for (unsigned i = 0; i < count; ++i) spawn(hog, state);
          while (state->looping < static_cast<int>(count)) co_await self.sleep(1ms);
          const int before = state->ticks;
          while (state->ticks < before + 1'000) co_await self.sleep(1ms);
          EXPECT_EQ(state->looping, static_cast<int>(count));
          state->done = true;
        },
        shared, workers);
    EXPECT_TRUE(result.has_value());
  }
}

// Timers and the queue of the only worker, filled before it is kept.
TEST(WatchdogTest, what_waits_behind_a_stuck_process_is_taken_over) {
  Runtime runtime{with_workers(1)};
  const auto result = runtime.try_run(
      [](Process& self, SharedState state) -> Async<> {
        const auto stop_when = [](Process& other, SharedState shared, Duration delay) -> Async<> {
          if (delay != Duration::zero()) co_await other.sleep(delay);
          if (++shared->ticks == 3) shared->done = true;
        };
        spawn(stop_when, state, 15ms);  // waits on the wheel
        co_await self.yield();
        spawn(hog, state);
        spawn(stop_when, state, 0ms);  // in the queue
        spawn(stop_when, state, 0ms);
        while (!state->done) co_await self.sleep(1ms);
      },
      std::make_shared<Shared>());
  EXPECT_TRUE(result.has_value());
}

// A stuck process wakes others in its loop; they must not wait for it.
TEST(WatchdogTest, what_a_stuck_process_wakes_runs_elsewhere) {
  Runtime runtime{with_workers(1)};
  const auto result = runtime.try_run(
      [](Process& self, SharedState state) -> Async<> {
        const Pid echo = spawn(
            [](Process& other, SharedState shared) -> Async<> {
              for (int i = 0; i < 50; ++i) {
                (void)co_await other.receive<Ready>();
                ++shared->ticks;
              }
            },
            state);
        spawn_monitor(
            [](Process&, SharedState shared, Pid to) {
              for (int i = 0; i < 50; ++i) {
                send(to, Ready{});
                while (shared->ticks <= i) {
                }
              }
            },
            state, echo);
        EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
      },
      std::make_shared<Shared>());
  EXPECT_TRUE(result.has_value());
}

TEST(WatchdogTest, the_report_names_the_process_what_it_does_and_where) {
  read_names();
  test::CapturedLog log;
  Runtime runtime{with_workers(1)};
  const auto shared = std::make_shared<Shared>();
  std::thread reader{[&] {
    while (log.count("has kept its worker for", "name=the_hog") == 0) let_time_pass(1ms);
    shared->done = true;
  }};
  const auto result = runtime.try_run(
      [](Process& self, SharedState state) -> Async<> {
        // It takes its name itself: somebody else might come too late with it.
        spawn_monitor(
            [](Process& the_hog, SharedState busy) {
              the_hog.register_name("the_hog");
              loop_until_done(*busy);
            },
            state);
        while (!state->done) co_await self.sleep(1ms);
        (void)co_await self.receive<Down>();
      },
      shared);
  reader.join();
  EXPECT_TRUE(result.has_value());
  EXPECT_EQ(log.count("warning", "has kept its worker for", "ms without awaiting", "name=the_hog",
                      "does=computes"),
            1);
  EXPECT_EQ(log.count("stack=", "loop_until_done"), 1);
  // The worker's own frames say nothing and are left out.
  EXPECT_EQ(log.count("WorkerExecutor"), 0);
}

TEST(WatchdogTest, a_process_that_blocks_in_the_kernel_is_noticed_too) {
  read_names();
  test::CapturedLog log;
  Runtime runtime{with_workers(1)};
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::thread writer{[&] {
    while (log.count("has kept its worker") == 0) let_time_pass(1ms);
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
  }};
  const auto result = runtime.try_run(
      [](Process&, int end) {
        char byte = 0;
        EXPECT_EQ(::read(end, &byte, 1), 1);
      },
      ends[0]);
  writer.join();
  EXPECT_TRUE(result.has_value());
  EXPECT_EQ(log.count("has kept its worker", "does=blocks", "read"), 1);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(WatchdogTest, a_process_that_yields_is_left_alone) {
  test::CapturedLog log;
  Runtime runtime{with_workers(1)};
  const auto result = runtime.try_run([](Process& self) -> Async<> {
    const Duration end = self.monotonic_time() + 60ms;
    while (self.monotonic_time() < end) co_await self.yield();
  });
  EXPECT_TRUE(result.has_value());
  EXPECT_EQ(log.count("has kept its worker"), 0);
}

std::vector<std::string> own_threads() {
  std::vector<std::string> names;
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream file{task.path() / "comm"};
    std::string name;
    if (std::getline(file, name)) names.push_back(std::move(name));
  }
  return names;
}

// Extra workers are named as all workers; with two asked for, their numbers begin with 2.
TEST(WatchdogTest, extra_workers_are_limited_and_used_again) {
  Runtime runtime{with_workers(2, 1)};
  const auto result = runtime.try_run([](Process& self) -> Async<> {
    for (int round = 0; round < 3; ++round) {
      const auto state = std::make_shared<Shared>();
      spawn(hog, state);
      spawn(hog, state);
      while (state->looping < 2) co_await self.sleep(1ms);
      state->done = true;
      while (state->looping > 0) co_await self.sleep(1ms);
    }
    const auto names = own_threads();
    EXPECT_EQ(std::ranges::count(names, "troupe-2"), 1);
    EXPECT_EQ(std::ranges::count(names, "troupe-3"), 0);
  });
  EXPECT_TRUE(result.has_value());
}

// The first keeps its worker once somebody has connected, until somebody connects to the second.
Async<> listen(Process& self, SharedState shared, bool is_first) {
  auto listener = net::Listener::listen(self, {});
  (is_first ? shared->first_port : shared->second_port) = listener->port();
  EXPECT_TRUE((co_await listener->accept(self)).has_value());
  if (is_first) {
    loop_until_done(*shared);
  } else {
    shared->done = true;
  }
}

// The worker that gets stuck is the one that listened to the network; the other one sleeps, and
// there are no more.
TEST(WatchdogTest, the_network_is_heard_while_a_process_keeps_the_worker_that_listened) {
  Runtime runtime{with_workers(2, 0)};
  const auto state = std::make_shared<Shared>();
  runtime.start();
  for (const bool is_first : {true, false}) spawn(runtime, listen, state, is_first);
  while (state->first_port == 0 || state->second_port == 0) let_time_pass(1ms);
  let_time_pass(20ms);  // until both workers sleep; if they do not, this says less
  Runtime client{{.execution = Execution::single}};
  const auto result = client.try_run(
      [](Process& self, SharedState shared) -> Async<> {
        const auto first = co_await net::Stream::connect(self, {.port = shared->first_port});
        while (shared->looping == 0) co_await self.sleep(1ms);
        const auto second = co_await net::Stream::connect(self, {.port = shared->second_port});
        while (!shared->done) co_await self.sleep(1ms);
      },
      state);
  EXPECT_TRUE(result.has_value());
}

TEST(WatchdogTest, an_idle_node_wakes_nobody) {
  Runtime runtime{with_workers(2)};
  runtime.start();
  const auto state = std::make_shared<Shared>();
  // It was busy before, an extra worker included, and a far timer is pending.
  spawn(runtime, [](Process& self) -> Async<> { co_await self.sleep(1h); });
  spawn(runtime, hog, state);
  spawn(runtime, hog, state);
  spawn(
      runtime,
      [](Process& self, SharedState shared) -> Async<> {
        while (shared->looping < 2) co_await self.sleep(1ms);
        shared->done = true;
      },
      state);
  while (runtime.process_count() > 1) let_time_pass(1ms);
  EXPECT_LE(test::fewest_switches(), test::switches_of_nobody);
  // And it wakes when there is something to see again.
  test::CapturedLog log;
  state->done = false;
  spawn(runtime, hog, state);
  while (log.count("has kept its worker") == 0) let_time_pass(1ms);
  state->done = true;
}

}  // namespace
}  // namespace troupe
