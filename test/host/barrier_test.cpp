// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/barrier.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

#include "base/sanitizer.hpp"

namespace troupe {
namespace {

// Two threads store to a word of their own and then look at the other's (Dekker). Only one has a
// fence between the two, which is a barrier; nevertheless one of them always sees the other.
TEST(barrier, stands_in_for_the_fence_of_the_other_side) {
  if (!prepare_barriers()) GTEST_SKIP() << "this system has no such barriers";
  if (TROUPE_THREAD_SANITIZER) GTEST_SKIP() << "it does not know what the kernel does";
  struct alignas(64) Word {
    std::atomic<int> value{0};
  };
  Word often;
  Word seldom;
  Word ready;
  Word go;
  Word done;
  const auto wait_for = [](const Word& word, int value) {
    for (int looks = 1; word.value.load(std::memory_order_acquire) < value; ++looks) {
      if (looks % 1000 == 0) std::this_thread::yield();  // there may be one core only
    }
  };
  constexpr int rounds = 1000;
  int often_saw = 0;
  std::thread other{[&] {
    for (int i = 1; i <= rounds; ++i) {
      ready.value.store(i, std::memory_order_release);
      wait_for(go, i);
      often.value.store(i, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
      often_saw = seldom.value.load(std::memory_order_relaxed);
      done.value.store(i, std::memory_order_release);
    }
  }};
  int neither = 0;
  int refused = 0;
  for (int i = 1; i <= rounds; ++i) {
    wait_for(ready, i);
    go.value.store(i, std::memory_order_release);
    seldom.value.store(i, std::memory_order_relaxed);
    refused += !barrier_on_all_threads();
    const int seldom_saw = often.value.load(std::memory_order_relaxed);
    wait_for(done, i);
    neither += seldom_saw != i && often_saw != i;
  }
  other.join();
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(neither, 0);
}

}  // namespace
}  // namespace troupe
