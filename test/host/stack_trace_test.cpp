// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Stacks of one's own thread and of another one, and what a probe tells of a thread.
#include "host/stack_trace.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <unistd.h>

#include "host/thread_probe.hpp"

namespace troupe {
namespace {

struct Taken {
  void* frames[16];
  std::size_t count;
};

// One function more, because a stack begins with the caller of the one that takes it.
[[gnu::noinline]] void take(Taken& taken, const void* outermost) {
  taken.count = capture_stack(taken.frames, outermost);
}
[[gnu::noinline]] Taken innermost(const void* outermost) {
  Taken taken;
  take(taken, outermost);
  return taken;
}
[[gnu::noinline]] Taken in_between(bool to_here) {
  const void* here = __builtin_frame_address(0);
  Taken taken = innermost(to_here ? here : nullptr);
  asm volatile("" : : "r"(&taken) : "memory");  // no tail call
  return taken;
}

std::string text_of(const Taken& taken) { return describe_stack({taken.frames, taken.count}); }

TEST(StackTraceTest, frames_are_named_innermost_first) {
  const Taken taken = in_between(false);
  const std::string text = text_of(taken);
  const auto inner = text.find("innermost");
  const auto outer = text.find("in_between");
  EXPECT_NE(inner, std::string::npos);
  EXPECT_NE(outer, std::string::npos);
  EXPECT_LT(inner, outer);
  EXPECT_EQ(text, text_of(taken));  // known by now
}

TEST(StackTraceTest, a_stack_ends_before_the_outermost_frame) {
  const std::string text = text_of(in_between(true));
  EXPECT_NE(text.find("innermost"), std::string::npos);
  EXPECT_EQ(text.find("in_between"), std::string::npos);
}

TEST(StackTraceTest, a_full_array_is_the_end) {
  void* frames[1];
  EXPECT_EQ(capture_stack(frames, nullptr), 1U);
  EXPECT_EQ(capture_stack({}, nullptr), 0U);
}

TEST(StackTraceTest, an_address_without_a_name_is_printed) {
  void* nowhere[] = {reinterpret_cast<void*>(0x10)};
  EXPECT_EQ(describe_stack(nowhere), "0x10");
}

std::atomic<bool> stop_looping;
[[gnu::noinline]] void loop_here() {
  while (!stop_looping.load(std::memory_order_relaxed)) {
  }
}

const void* const no_outermost = nullptr;

TEST(ThreadProbeTest, a_thread_that_computes_is_seen_where_it_is) {
  stop_looping = false;
  std::atomic<bool> started = false;
  ThreadProbe probe;
  std::thread thread{[&] {
    probe = ThreadProbe::of_this_thread();
    started.store(true, std::memory_order_release);
    loop_here();
  }};
  while (!started.load(std::memory_order_acquire)) std::this_thread::yield();
  EXPECT_FALSE(probe.is_blocked());
  const std::int64_t before = probe.cpu_ns();
  while (probe.cpu_ns() == before) std::this_thread::yield();
  void* frames[16];
  std::size_t depth = 0;
  while (depth == 0) depth = probe.stack(frames, &no_outermost);  // a busy machine may take longer
  EXPECT_NE(describe_stack({frames, depth}).find("loop_here"), std::string::npos);
  stop_looping = true;
  thread.join();
}

TEST(ThreadProbeTest, a_thread_that_hangs_in_the_kernel_is_blocked) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::atomic<bool> started = false;
  ThreadProbe probe;
  std::thread thread{[&] {
    probe = ThreadProbe::of_this_thread();
    started.store(true, std::memory_order_release);
    char byte;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);  // the signal does not end it
  }};
  while (!started.load(std::memory_order_acquire)) std::this_thread::yield();
  while (!probe.is_blocked()) std::this_thread::yield();
  void* frames[16];
  std::size_t depth = 0;
  while (depth == 0) depth = probe.stack(frames, &no_outermost);
  EXPECT_NE(describe_stack({frames, depth}).find("read"), std::string::npos);
  EXPECT_EQ(::write(ends[1], "x", 1), 1);
  thread.join();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(ThreadProbeTest, no_thread_answers_no) {
  const ThreadProbe probe;
  void* frames[4];
  EXPECT_EQ(probe.cpu_ns(), 0);
  EXPECT_FALSE(probe.is_blocked());
  EXPECT_EQ(probe.stack(frames, &no_outermost), 0U);
}

std::atomic<int> foreign_signals;

// A program's own handler of the signal goes on to get what is not ours. It has to be there before
// the first stack is asked for, so this test runs in a program of its own.
TEST(ThreadProbeDeathTest, a_handler_of_the_programs_own_is_called_for_its_signals) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        ::signal(SIGURG, [](int) { ++foreign_signals; });
        const ThreadProbe self = ThreadProbe::of_this_thread();
        void* frames[16];
        const bool is_seen = self.stack(frames, &no_outermost) > 0;
        const bool was_quiet = foreign_signals == 0;
        ::raise(SIGURG);
        std::_Exit(is_seen && was_quiet && foreign_signals == 1 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace troupe
