// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What becomes of processes when there is no memory. A program of its own, because it wraps
// operator new and malloc by such as fail when they are told to, on the thread that tells them.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <new>
#include <vector>

#include <troupe/blocking.hpp>
#include <troupe/troupe.hpp>

#include "runtime/io_waits.hpp"
#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace {

constexpr long plenty = -1;
// So many more allocations of this thread succeed.
thread_local constinit long allocations_left = plenty;

bool memory_is_out() noexcept {
  if (allocations_left == plenty) return false;
  if (allocations_left == 0) return true;
  --allocations_left;
  return false;
}

}  // namespace

extern "C" {
// The names are the linker's: --wrap=malloc, --wrap=_Znwm, which is operator new, and the one of
// over-aligned arrays. All call the real ones, so that a sanitizer sees what it would see without
// this file. The pool of envelopes and frames uses malloc.
// NOLINTBEGIN(bugprone-reserved-identifier)
void* __real_malloc(std::size_t size);
void* __real__Znwm(std::size_t size);
void* __real__ZnamSt11align_val_t(std::size_t size, std::align_val_t alignment);
void* __wrap_malloc(std::size_t size) { return memory_is_out() ? nullptr : __real_malloc(size); }
void* __wrap__Znwm(std::size_t size) {
  if (memory_is_out()) throw std::bad_alloc{};
  return __real__Znwm(size);
}
void* __wrap__ZnamSt11align_val_t(std::size_t size, std::align_val_t alignment) {
  if (memory_is_out()) throw std::bad_alloc{};
  return __real__ZnamSt11align_val_t(size, alignment);
}
// NOLINTEND(bugprone-reserved-identifier)
}

namespace troupe {
namespace {

using test::on_every_executor;

// Its frame is too large for the pool's free lists, which may have room when there is none.
using Burden = std::array<char, 4096>;
Async<> burdened(Process& self, Burden) { co_await self.sleep(infinity); }

// There is memory again when the process lets go of its values.
struct MemoryReturns {
  ~MemoryReturns() { allocations_left = plenty; }
};

// Whether `what` ends with bad_alloc when so many allocations succeed before the first that fails.
template <class F>
bool runs_out_after(long successes, F what) {
  bool failed = false;
  allocations_left = successes;
  try {
    what();
  } catch (const std::bad_alloc&) {
    failed = true;
  }
  allocations_left = plenty;
  return failed;
}

class OutOfMemory : public testing::Test {
 protected:
  test::CapturedLog log_;
};

TEST_F(OutOfMemory, a_spawn_that_fails_at_any_allocation_leaves_nothing_behind) {
  on_every_executor([](Process& self) -> Async<> {
    int failures = 0;
    for (long successes = 0;; ++successes) {
      const SpawnOptions options{
          .label = "a label that is too long to be stored in place", .link = true, .monitor = true};
      const Burden burden{};
      Pid born;
      allocations_left = successes;
      try {
        born = spawn_with(options, burdened, burden).pid;
      } catch (const std::bad_alloc&) {
        ++failures;
      }
      allocations_left = plenty;
      const ProcessInfo info = *co_await process_info(self, self.pid());
      EXPECT_EQ(info.links.size(), born ? 1U : 0U);
      EXPECT_EQ(info.monitors.size(), born ? 1U : 0U);
      EXPECT_EQ(self.runtime().process_count(), born ? 2U : 1U);
      if (!born) continue;
      self.unlink(born);
      exit(born, "kill");
      EXPECT_TRUE((co_await self.receive<Down>()).reason.is(atoms::killed));
      break;
    }
    EXPECT_GE(failures, 3);
  });
}

TEST_F(OutOfMemory, a_reason_that_cannot_be_told_is_system_limit) {
  on_every_executor([](Process& self) -> Async<> {
    spawn_monitor([](Process& other) -> Async<> {
      const Burden burden{};
      other.local<MemoryReturns>();
      co_await other.yield();
      allocations_left = 0;
      spawn(burdened, burden);
    });
    const Down down = co_await self.receive<Down>();
    EXPECT_TRUE(down.reason.is(atoms::system_limit)) << down.reason.to_string();
    EXPECT_EQ(down.reason.exception(), nullptr);
    // The others go on.
    const Pid next = spawn_monitor(burdened, Burden{}).pid;
    exit(next, "kill");
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is(atoms::killed));
  });
}

TEST_F(OutOfMemory, a_send_that_finds_none_is_the_senders_failure) {
  on_every_executor([](Process& self) -> Async<> {
    EXPECT_TRUE(runs_out_after(0, [&] { send(self.pid(), Burden{}); }));
    EXPECT_FALSE((co_await self.receive<Burden>(Duration{0})).has_value());
  });
}

TEST_F(OutOfMemory, a_runtime_that_cannot_start_can_be_started_later_or_destroyed) {
  int failures = 0;
  for (long successes = 0;; ++successes) {
    Runtime runtime{{.workers = 3}};
    if (!runs_out_after(successes, [&] { runtime.start(); })) break;
    if (++failures % 2 == 0) continue;
    EXPECT_EQ(runtime.try_run([](Process&) { return 1; }), 1);
  }
  EXPECT_GE(failures, 4);  // three workers and the watchdog
}

TEST_F(OutOfMemory, a_main_that_fails_at_any_allocation_leaves_nothing_behind) {
  int failures = 0;
  for (long successes = 0;; ++successes) {
    Runtime runtime{{.workers = 2}};
    const bool failed = runs_out_after(
        successes, [&] { (void)runtime.try_run([](Process&, Burden) {}, Burden{}); });
    EXPECT_EQ(runtime.process_count(), 0U);
    if (!failed) break;
    ++failures;
    EXPECT_EQ(runtime.try_run([](Process&) { return 1; }), 1);
  }
  EXPECT_GE(failures, 4);  // a frame, two workers and the watchdog
}

// Each time in a new runtime, whose first job starts a thread.
TEST_F(OutOfMemory, a_blocking_job_that_failed_is_not_done_later) {
  int failures = 0;
  bool failed = true;
  for (long successes = 0; failed; ++successes) {
    Runtime runtime{{.execution = Execution::single}};
    const auto result = runtime.try_run([&](Process& self) -> Async<> {
      std::atomic<int> done{0};
      allocations_left = successes;
      try {
        co_await blocking(self, [&done] { ++done; });
        failed = false;
      } catch (const std::bad_alloc&) {
        ++failures;
      }
      allocations_left = plenty;
      // Jobs are done in turn, so that one would have been done by now.
      co_await blocking(self, [] {});
      EXPECT_EQ(done, failed ? 0 : 1);
    });
    EXPECT_TRUE(result.has_value());
  }
  EXPECT_GE(failures, 2);  // the job, and the thread's start
}

// Says how many of its kind there are, and is too large for the pool, as a Burden.
class Counted {
 public:
  Counted() noexcept { ++alive_; }
  Counted(Counted&&) noexcept { ++alive_; }
  ~Counted() { --alive_; }
  static int alive() noexcept { return alive_.load(); }

 private:
  static inline std::atomic<int> alive_{0};
  [[maybe_unused]] Burden burden_{};
};

}  // namespace

template <>
inline constexpr bool enable_message<Counted> = true;

namespace {

// The first timer of a wheel, which makes room for many. Each number of allocations twice: what one
// failure leaves behind as room, the next attempt need not make, and comes one further.
TEST_F(OutOfMemory, a_timer_that_fails_at_any_allocation_leaves_nothing_behind) {
  on_every_executor([](Process& self) -> Async<> {
    int failures = 0;
    for (long attempt = 0;; ++attempt) {
      TimerRef timer;
      allocations_left = attempt / 2;
      try {
        timer = send_after(self.pid(), Duration{0}, Counted{});
      } catch (const std::bad_alloc&) {
        ++failures;
      }
      allocations_left = plenty;
      EXPECT_EQ(Counted::alive(), timer ? 1 : 0);
      if (timer) break;
    }
    (void)co_await self.receive<Counted>();
    EXPECT_EQ(Counted::alive(), 0);
    EXPECT_GE(failures, 6);  // message, list of chunks, chunk, list of owners
  });
}

// On the thread of the pool, where nobody could be told: what it answers with is there before.
TEST_F(OutOfMemory, blocking_work_is_done_though_there_is_no_memory_for_its_reply) {
  Runtime runtime{{.workers = 1, .max_blocking_threads = 1}};
  const auto result = runtime.try_run([](Process& self) -> Async<> {
    co_await blocking(self, [] { allocations_left = 0; });
    co_await blocking(self, [] { allocations_left = plenty; });
  });
  EXPECT_TRUE(result.has_value());
}

TEST_F(OutOfMemory, a_wait_for_a_socket_ends_without_memory) {
  detail::IoWaits waits;
  std::vector<std::uint64_t> tokens;
  for (int i = 0; i < 100; ++i) tokens.push_back(waits.add(Pid{}, 1));
  allocations_left = 0;
  for (const std::uint64_t token : tokens) waits.cancel(token);
  allocations_left = plenty;
}

}  // namespace
}  // namespace troupe
