// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <vector>

#include "loopback.hpp"

namespace troupe {
namespace {

class PollTest : public Loopback {
 protected:
  std::array<Ready, 8> out;
};

TEST_F(PollTest, clocks_go_forward_and_the_system_clock_knows_the_century) {
  const std::int64_t first = host->monotonic_ns();
  EXPECT_GE(host->monotonic_ns(), first);
  constexpr std::int64_t year_2024_ns = 1'704'067'200'000'000'000;
  EXPECT_GT(host->system_ns(), year_2024_ns);
}

TEST_F(PollTest, random_bytes_fill_all_of_it_differently_each_time) {
  // Larger than what the kernel hands out uninterrupted.
  std::vector<std::byte> first(1 << 16), second(1 << 16);
  host->random_bytes(first);
  host->random_bytes(second);
  EXPECT_NE(first, second);
  const auto tail = std::span{first}.last(64);
  EXPECT_TRUE(std::any_of(tail.begin(), tail.end(), [](std::byte b) { return b != std::byte{0}; }));
  host->random_bytes({});
}

TEST_F(PollTest, it_waits_its_time_and_not_less) {
  for (const std::int64_t timeout : {100'000, 1'500'000, 3'000'000}) {
    const std::int64_t begin = host->monotonic_ns();
    EXPECT_EQ(host->poll(timeout, out), 0U);
    EXPECT_GE(host->monotonic_ns() - begin, timeout);
  }
}

// Old kernels and some sandboxes have no epoll_pwait2: forbid it to a child process and look again.
void poll_without_pwait2() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(filter), .filter = filter};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::exit(0);  // cannot be tried here
  }
  const auto host = PosixHost::create().value();
  std::array<Ready, 2> out;
  for (const std::int64_t timeout : {std::int64_t{0}, std::int64_t{1'500'000}}) {
    const std::int64_t begin = host->monotonic_ns();
    if (host->poll(timeout, out) != 0 || host->monotonic_ns() - begin < timeout) std::exit(1);
  }
  std::thread waker{[&] { host->wake(); }};
  if (host->poll(-1, out) != 0) std::exit(2);
  waker.join();
  std::exit(0);
}

TEST(PollDeathTest, it_works_without_the_nanosecond_call) {
  EXPECT_EXIT(poll_without_pwait2(), testing::ExitedWithCode(0), "");
}

TEST_F(PollTest, a_wake_before_the_poll_is_remembered_and_many_count_as_one) {
  for (int i = 0; i < 1000; ++i) host->wake();
  EXPECT_EQ(host->poll(-1, out), 0U);
  const std::int64_t begin = host->monotonic_ns();
  EXPECT_EQ(host->poll(2'000'000, out), 0U);
  EXPECT_GE(host->monotonic_ns() - begin, 2'000'000) << "the second poll had nothing to wake it";
}

TEST_F(PollTest, a_poll_that_was_woken_still_reports_what_is_ready) {
  const auto [client, server] = connected();
  ASSERT_TRUE(host->watch(server, Interest::read, 7));
  send(client, "a");
  host->wake();
  EXPECT_EQ(next_ready().token, 7U);
}

// The number is relaxed, so only wake() itself can make it visible to the thread that polls.
TEST_F(PollTest, no_wake_is_lost_and_what_came_before_it_is_seen) {
  constexpr int rounds = 20'000;
  std::atomic<int> given{0};
  std::atomic<int> taken{0};
  std::thread waker{[&] {
    for (int i = 1; i <= rounds; ++i) {
      given.store(i, std::memory_order_relaxed);
      host->wake();
      while (taken.load(std::memory_order_acquire) != i) std::this_thread::yield();
    }
  }};
  for (int i = 1; i <= rounds; ++i) {
    const std::int64_t begin = host->monotonic_ns();
    while (given.load(std::memory_order_relaxed) != i) {
      host->poll(patience_ns, out);
      if (host->monotonic_ns() - begin < patience_ns) continue;
      ADD_FAILURE() << "slept through wake-up " << i;
      break;
    }
    taken.store(i, std::memory_order_release);
  }
  waker.join();
}

TEST_F(PollTest, sockets_may_be_used_and_closed_while_another_thread_polls) {
  constexpr std::uint64_t closed_under = ~std::uint64_t{0};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> seen{0};
  std::thread poller{[&] {
    std::array<Ready, 16> ready;
    while (!stop.load(std::memory_order_acquire)) {
      const std::size_t count = host->poll(-1, ready);
      for (const Ready& each : std::span{ready}.first(count)) {
        if (each.token == closed_under) continue;
        seen.store(each.token, std::memory_order_release);
        seen.notify_one();
      }
    }
  }};
  constexpr std::uint64_t rounds = 300;
  for (std::uint64_t i = 1; i <= rounds; ++i) {
    const SocketId client = host->connect({"127.0.0.1", port}).value();
    auto accepted = host->accept(listener);
    while (!accepted) {
      std::this_thread::yield();
      accepted = host->accept(listener);
    }
    ASSERT_EQ(host->watch(accepted->socket, Interest::read, i).value(), WatchResult::armed);
    while (!host->write(client, bytes_of("a"))) std::this_thread::yield();
    for (std::uint64_t last = seen.load(); last != i; last = seen.load()) seen.wait(last);
    ASSERT_TRUE(host->watch(accepted->socket, Interest::write, closed_under));
    host->close(accepted->socket);
    host->close(client);
  }
  stop.store(true, std::memory_order_release);
  host->wake();
  poller.join();
}

}  // namespace
}  // namespace troupe
