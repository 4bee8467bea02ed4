// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <gtest/gtest.h>
#include <thread>

#include <troupe/gen_server.hpp>
#include <troupe/outside.hpp>

#include "support/captured_log.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;

struct Counter : GenServer<Counter> {
  struct Add {
    int n;
    using Reply = int;
  };
  struct Never {
    using Reply = int;
  };
  struct Reset {
    using Reply = void;
  };
  struct Increment {};
  int handle_call(Add m) { return value += m.n; }
  void handle_call(Reset) { value = 0; }
  void handle_call(Never, From<int> from) { kept.push_back(std::move(from)); }
  void handle_cast(Increment) { ++value; }
  int value = 0;
  std::vector<From<int>> kept;
};

Async<> starts_counter(Process& self, Pid) {
  (void)co_await Counter::start(self, {.name = "counter"});
}

ServerRef<Counter> running_counter(Runtime& runtime) {
  spawn(runtime, starts_counter, Pid{});
  while (!whereis(runtime, "counter")) std::this_thread::yield();
  return ServerRef<Counter>{whereis(runtime, "counter")};
}

class Outside : public testing::Test {
 protected:
  test::CapturedLog log_;
};

TEST_F(Outside, a_thread_calls_a_server_by_reference_and_by_name) {
  Runtime runtime{{.workers = 2}};
  runtime.start();
  const auto counter = running_counter(runtime);
  EXPECT_EQ(call(runtime, counter, Counter::Add{2}), 2);
  EXPECT_EQ(call(runtime, named<Counter>("counter"), Counter::Add{3}), 5);
  cast(counter, Counter::Increment{});
  cast(runtime, named<Counter>("counter"), Counter::Increment{});
  cast(runtime, named<Counter>("nobody"), Counter::Increment{});
  EXPECT_EQ(call(runtime, counter, Counter::Add{0}), 7);
  call(runtime, counter, Counter::Reset{});
  EXPECT_EQ(call(runtime, counter, Counter::Add{0}), 0);
}

TEST_F(Outside, failures_come_as_for_processes) {
  Runtime runtime{{.workers = 1}};
  runtime.start();
  const auto counter = running_counter(runtime);
  EXPECT_EQ(try_call(runtime, counter, Counter::Never{}, 5ms).error().code,
            CallError::Code::timeout);
  EXPECT_EQ(try_call(runtime, named<Counter>("nobody"), Counter::Add{1}).error().code,
            CallError::Code::noproc);
  EXPECT_THROW(call(runtime, counter, Counter::Never{}, 5ms), CallException);
}

TEST_F(Outside, many_threads_call_at_once) {
  Runtime runtime{{.workers = 2}};
  runtime.start();
  const auto counter = running_counter(runtime);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1'000; ++n) (void)call(runtime, counter, Counter::Add{1});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(call(runtime, counter, Counter::Add{0}), 4'000);
}

TEST_F(Outside, a_call_that_waits_when_the_runtime_stops_returns) {
  Runtime runtime{{.workers = 1}};
  runtime.start();
  const auto counter = running_counter(runtime);
  std::thread waits{
      [&] { EXPECT_FALSE(try_call(runtime, counter, Counter::Never{}, infinity).has_value()); }};
  while (call(runtime, counter, Counter::Add{0}) < 0 || runtime.process_count() < 2) {
    std::this_thread::yield();
  }
  runtime.stop();
  waits.join();
}

}  // namespace
}  // namespace troupe
