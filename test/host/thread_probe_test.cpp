// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/thread_probe.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <pthread.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "host/stack_trace.hpp"
#include "host/thread.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

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

// A thread that computes until it goes, hears no signal for a while, hears them for another, and so
// on. Each `id` runs code of its own, so that a stack says whose it is.
template <int id>
class Busy {
 public:
  Busy(std::chrono::microseconds deaf, std::chrono::microseconds hearing) {
    thread_ = start_thread("busy", [this, deaf, hearing] {
      base_ = __builtin_frame_address(0);
      probe_ = ThreadProbe::of_this_thread();
      outer(deaf, hearing);
    });
    is_running_.wait(false);
  }
  ~Busy() {
    goes_.store(true);
    thread_.join();
  }

  // Its return addresses; none if it does not answer in time.
  std::vector<void*> stack() const {
    std::vector<void*> frames(32);
    frames.resize(probe_.stack(frames, &base_));
    return frames;
  }

  bool is_mine(const std::vector<void*>& stack) const {
    return std::ranges::find(stack, call_) != stack.end();
  }

 private:
  [[gnu::noinline]] void outer(std::chrono::microseconds deaf, std::chrono::microseconds hearing) {
    inner(deaf, hearing);
    asm volatile("" : : "r"(this) : "memory");  // no tail call
  }

  [[gnu::noinline]] void inner(std::chrono::microseconds deaf, std::chrono::microseconds hearing) {
    // As capture_stack has it: inside the call.
    call_ = static_cast<char*>(__builtin_return_address(0)) - 1;
    is_running_.store(true);
    is_running_.notify_one();
    while (!goes_.load()) {
      listen(SIG_BLOCK);
      compute(deaf);
      listen(SIG_UNBLOCK);
      compute(hearing);
    }
  }

  static void listen(int how) {
    sigset_t urgent;
    ::sigemptyset(&urgent);
    ::sigaddset(&urgent, SIGURG);
    ::pthread_sigmask(how, &urgent, nullptr);
  }

  static void compute(std::chrono::microseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) {
    }
  }

  std::thread thread_;
  ThreadProbe probe_;
  const void* base_ = nullptr;
  void* call_ = nullptr;
  std::atomic<bool> is_running_{false}, goes_{false};
};

// One that answers too late does so while another is asked, whose answer it must not give.
TEST(ThreadProbeTest, a_late_answer_is_not_taken_for_that_of_the_next_thread_asked) {
  const Busy<1> first{25ms, 100us};
  const Busy<2> second{23ms, 100us};
  int answers = 0;
  int silences = 0;
  const auto limit = std::chrono::steady_clock::now() + 60s;
  while ((answers < 8 || silences < 8) && std::chrono::steady_clock::now() < limit) {
    for (const bool asks_first : {true, false}) {
      const std::vector<void*> stack = asks_first ? first.stack() : second.stack();
      if (stack.empty()) {
        ++silences;
        continue;
      }
      ++answers;
      EXPECT_TRUE(asks_first ? first.is_mine(stack) : second.is_mine(stack));
    }
  }
  EXPECT_GE(answers, 8) << "some of the questions come while they hear";
  EXPECT_GE(silences, 8) << "and some do not";
}

}  // namespace
}  // namespace troupe
