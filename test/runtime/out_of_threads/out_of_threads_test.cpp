// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What becomes of a runtime that finds no threads. A program of its own, because it wraps the
// function by which std::thread starts one.
#include <atomic>
#include <chrono>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <new>
#include <system_error>
#include <thread>

#include <troupe/troupe.hpp>

#include "support/captured_log.hpp"
#include "support/idle_program.hpp"

namespace {

constexpr int plenty = -1;
// So many more can be had.
constinit std::atomic<int> threads_left{plenty};
constinit std::atomic<bool> memory_is_out{false};
constinit std::atomic<int> refused{0};

}  // namespace

extern "C" {
// The names are the linker's (--wrap). The state is passed by the address of its pointer, as all
// that has a destructor is.
// NOLINTBEGIN(bugprone-reserved-identifier)
void __real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
    std::thread* thread, void* state, void (*depend)());
void __wrap__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
    std::thread* thread, void* state, void (*depend)()) {
  if (threads_left == 0) {
    ++refused;
    if (memory_is_out) throw std::bad_alloc{};
    throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
  }
  if (threads_left != plenty) --threads_left;
  __real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE(
      thread, state, depend);
}
// NOLINTEND(bugprone-reserved-identifier)
}

namespace troupe {

struct Kept {};
template <>
inline constexpr bool enable_message<std::shared_ptr<Kept>> = true;

namespace {

class OutOfThreadsTest : public testing::TestWithParam<int> {
 protected:
  void TearDown() override { threads_left = plenty; }
};

Async<> keep(Process& self, std::shared_ptr<Kept>) { co_await self.sleep(infinity); }

// Needs more turns than one for its end, and starts another meanwhile.
Async<> end_slowly(Process& self, std::shared_ptr<Kept> kept) {
  self.trap_exits(true);
  spawn(keep, kept);
  (void)co_await self.receive<Exit>();
  for (int i = 0; i < 10; ++i) co_await self.yield();
  co_await self.sleep(std::chrono::milliseconds{1});
}

TEST_P(OutOfThreadsTest, a_runtime_that_was_not_started_ends_what_was_spawned_from_outside) {
  const auto kept = std::make_shared<Kept>();
  {
    Runtime runtime{{.workers = 3}};
    for (int i = 0; i < 10; ++i) spawn(runtime, keep, kept);
    for (int i = 0; i < 10; ++i) spawn(runtime, end_slowly, kept);
    threads_left = GetParam();
    EXPECT_THROW(runtime.start(), std::system_error);
    threads_left = 0;
  }
  EXPECT_EQ(kept.use_count(), 1);
}

TEST_P(OutOfThreadsTest, a_runtime_that_found_none_can_be_started_when_there_are_some) {
  std::promise<void> ran;
  Runtime runtime{{.workers = 3}};
  spawn(runtime, owned([&ran](Process&) { ran.set_value(); }));
  threads_left = GetParam();
  EXPECT_THROW(runtime.start(), std::system_error);
  threads_left = plenty;
  runtime.start();
  ran.get_future().wait();
}

// The one behind runs on the extra worker, and the first runs until it has.
class ExtraWorkerTest : public testing::TestWithParam<bool> {
 protected:
  void TearDown() override {
    threads_left = plenty;
    memory_is_out = false;
  }
};

TEST_P(ExtraWorkerTest, the_watchdog_adds_a_worker_as_soon_as_there_is_a_thread_for_it) {
  const test::CapturedLog reports;
  std::atomic<bool> done{false};
  Runtime runtime{{.workers = 1, .max_extra_workers = 1}};
  runtime.start();
  memory_is_out = GetParam();
  refused = 0;
  threads_left = 0;
  spawn(runtime, owned([&done](Process&) {
          spawn(owned([&done](Process&) { done = true; }));
          while (!done.load(std::memory_order_relaxed)) {
          }
        }));
  while (refused == 0) std::this_thread::yield();
  threads_left = plenty;
  runtime.stop();
  EXPECT_TRUE(done);
}

TEST_P(ExtraWorkerTest, who_could_not_be_added_keeps_nobody_awake) {
  const test::CapturedLog reports;
  Runtime runtime{{.workers = 1, .max_extra_workers = 1}};
  runtime.start();
  memory_is_out = GetParam();
  refused = 0;
  threads_left = 0;
  spawn(runtime, owned([](Process&) {
          while (refused == 0) {
          }
        }));
  while (runtime.process_count() > 0) std::this_thread::yield();
  EXPECT_LE(test::fewest_switches(), test::switches_of_nobody);
}

INSTANTIATE_TEST_SUITE_P(MemoryIsOut, ExtraWorkerTest, testing::Bool());

// None, some workers, and all workers but no watchdog.
INSTANTIATE_TEST_SUITE_P(ThreadsLeft, OutOfThreadsTest, testing::Values(0, 1, 2, 3));

}  // namespace
}  // namespace troupe
