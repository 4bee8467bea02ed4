// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Floods that cross from worker to worker: their queues change hands then, between workers that
// work, go to sleep, are stuck or rest, and no process and no message may be lost on the way.
#include <chrono>
#include <gtest/gtest.h>
#include <map>
#include <vector>

#include <troupe/troupe.hpp>

#include "base/sanitizer.hpp"
#include "support/captured_log.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

constexpr int flood = TROUPE_ADDRESS_SANITIZER || TROUPE_THREAD_SANITIZER ? 1'500 : 4'000;
constexpr int senders = 60;
constexpr int takers = 3;

struct Number {
  Pid from;
  int value;
};
struct Took {
  int messages;
  bool in_order;
};

Async<> take_numbers(Process& self, Pid owner, int count) {
  std::map<Pid, int> next;
  bool in_order = true;
  for (int i = 0; i < count; ++i) {
    const Number number = co_await self.receive<Number>();
    in_order &= next[number.from]++ == number.value;
  }
  send(owner, Took{count, in_order});
}

// Long enough to be stuck.
void keep_worker() {
  const auto until = std::chrono::steady_clock::now() + 15ms;
  while (std::chrono::steady_clock::now() < until) {
  }
}

// Half in one go and half after a turn of the others; now and then it keeps its worker for so long
// that the watchdog takes its queue away and adds a worker, which rests when this is over.
Async<> send_numbers(Process& self, Pid to, bool gets_stuck) {
  for (int i = 0; i < flood; ++i) {
    if (i == flood / 2) {
      if (gets_stuck) keep_worker();
      co_await self.yield();
    }
    send(to, Number{self.pid(), i});
  }
}

class CrossingTest : public testing::TestWithParam<unsigned> {};

TEST_P(CrossingTest, floods_between_workers_lose_nothing_and_keep_their_order) {
  const test::CapturedLog reports;  // of those who get stuck
  Runtime runtime{{.workers = GetParam(), .max_extra_workers = 2}};
  for (int round = 0; round < 6; ++round) {
    const auto result = runtime.try_run([&](Process& self) -> Async<> {
      std::vector<Pid> to;
      for (int i = 0; i < takers; ++i) {
        to.push_back(spawn(take_numbers, self.pid(), flood * senders / takers));
      }
      for (int i = 0; i < senders; ++i) {
        spawn(send_numbers, to[static_cast<std::size_t>(i % takers)], i % 20 == round);
      }
      for (int i = 0; i < takers; ++i) {
        const auto took = co_await self.receive([](Took report) { return report; },
                                                after(60s, [] { return Took{0, false}; }));
        EXPECT_EQ(took.messages, flood * senders / takers);
        EXPECT_TRUE(took.in_order);
      }
    });
    EXPECT_TRUE(result);
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, CrossingTest, testing::Values(2, 3, 4));

}  // namespace
}  // namespace troupe
