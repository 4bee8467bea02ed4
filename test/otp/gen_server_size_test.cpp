// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What an idle server and a call cost: printed, and held to a budget. The linker leads every
// allocation from the pool of envelopes, frames and servers through the functions below (see
// CMakeLists.txt); whatever a process needs beside them is its slot in the process table.
#include <atomic>
#include <cstdio>

#include <troupe/gen_server.hpp>
#include <troupe/gen_statem.hpp>

#include "support/on_every_executor.hpp"

namespace {

std::atomic<std::int64_t> blocks_taken{0};
std::atomic<std::int64_t> bytes_held{0};

// As the pool rounds them.
std::int64_t rounded(std::size_t size) { return static_cast<std::int64_t>((size + 15) / 16 * 16); }

}  // namespace

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier)
void* __real__ZN6troupe6detail8allocateEm(std::size_t size);
void __real__ZN6troupe6detail10deallocateEPvm(void* memory, std::size_t size) noexcept;

void* __wrap__ZN6troupe6detail8allocateEm(std::size_t size);
void __wrap__ZN6troupe6detail10deallocateEPvm(void* memory, std::size_t size) noexcept;

void* __wrap__ZN6troupe6detail8allocateEm(std::size_t size) {
  blocks_taken.fetch_add(1, std::memory_order_relaxed);  // pairs with nothing: a statistic
  bytes_held.fetch_add(rounded(size), std::memory_order_relaxed);
  return __real__ZN6troupe6detail8allocateEm(size);
}
void __wrap__ZN6troupe6detail10deallocateEPvm(void* memory, std::size_t size) noexcept {
  bytes_held.fetch_sub(rounded(size), std::memory_order_relaxed);
  __real__ZN6troupe6detail10deallocateEPvm(memory, size);
}
// NOLINTEND(bugprone-reserved-identifier)
}

namespace troupe {
namespace {

constexpr std::int64_t slot_bytes = 128;

struct Counter : GenServer<Counter> {
  struct IncrementBy {
    int n;
    using Reply = int;
  };
  struct Increment {};
  explicit Counter(int start = 0) : value{start} {}
  int handle_call(IncrementBy m) { return value += m.n; }
  void handle_cast(Increment) { ++value; }
  int value;
};

enum class Mode { off, on };
struct Switch : GenStatem<Switch, Mode> {
  struct Flip {
    using Reply = int;
  };
  Answer<int> handle_event(Mode mode, const Flip&) {
    return {++flips_, next_state(mode == Mode::on ? Mode::off : Mode::on)};
  }

 private:
  int flips_ = 0;
};

template <class S>
Async<std::int64_t> bytes_of_an_idle(Process& self) {
  constexpr int count = 1000;
  std::vector<Pid> pids;
  pids.reserve(count);
  const std::int64_t before = bytes_held.load();
  for (int i = 0; i < count; ++i) {
    const ServerRef<S> server = co_await S::start(self);
    pids.push_back(server.pid());
  }
  const std::int64_t bytes = (bytes_held.load() - before) / count + slot_bytes;
  for (const Pid pid : pids) {
    exit(pid, atoms::kill);
    while (co_await is_alive(self, pid)) co_await self.yield();
  }
  co_return bytes;
}

template <class F>
Async<double> blocks_of(Process& self, F once) {
  constexpr int count = 1000;
  for (int i = 0; i < 10; ++i) co_await once(self);
  const std::int64_t before = blocks_taken.load();
  for (int i = 0; i < count; ++i) co_await once(self);
  co_return static_cast<double>(blocks_taken.load() - before) / count;
}

// On one thread, where nobody else allocates.
TEST(GenServerSizeTest, an_idle_server_takes_400_bytes_and_a_call_two_blocks) {
  Runtime runtime{{.execution = Execution::single}};
  const auto end = runtime.try_run([](Process& self) -> Async<> {
    const std::int64_t server = co_await bytes_of_an_idle<Counter>(self);
    const std::int64_t machine = co_await bytes_of_an_idle<Switch>(self);
    const auto counter = co_await Counter::start(self);
    const auto flip = co_await Switch::start(self);
    // The coroutine around each call is a block of its own, as one around nothing shows.
    const double frame = co_await blocks_of(self, [](Process&) -> Async<> { co_return; });
    const double call_blocks =
        co_await blocks_of(self,
                           [counter](Process& me) -> Async<> {
                             (void)co_await call(me, counter, Counter::IncrementBy{1});
                           }) -
        frame;
    const double flip_blocks = co_await blocks_of(self,
                                                  [flip](Process& me) -> Async<> {
                                                    (void)co_await call(me, flip, Switch::Flip{});
                                                  }) -
                               frame;
    const double cast_blocks = co_await blocks_of(self,
                                                  [counter](Process& me) -> Async<> {
                                                    cast(counter, Counter::Increment{});
                                                    co_await me.yield();
                                                  }) -
                               frame;
    std::printf("an idle GenServer with an int: %lld B (its cell %zu B, its state %zu B)\n",
                static_cast<long long>(server), sizeof(detail::ServerCell<Counter>),
                sizeof(Counter));
    std::printf("an idle GenStatem with an int: %lld B\n", static_cast<long long>(machine));
    std::printf("allocations: %.2f a call, %.2f a cast, %.2f a call with a state change\n",
                call_blocks, cast_blocks, flip_blocks);
    EXPECT_LE(server, 400);
    EXPECT_GT(call_blocks, 0.0);
    EXPECT_LE(call_blocks, 2.0);
    EXPECT_LE(cast_blocks, 1.0);
    EXPECT_LE(flip_blocks, 2.0);
  });
  EXPECT_TRUE(end.has_value());
}

}  // namespace
}  // namespace troupe
