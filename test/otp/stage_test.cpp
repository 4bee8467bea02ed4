// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Stages: that demand is kept to, nothing lost or doubled, and what the end of one is to others.
#include <algorithm>
#include <numeric>

#include <troupe/spawn.hpp>
#include <troupe/stage.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;

class StageTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

// Counts up to a limit.
struct Numbers {
  using Event = int;
  explicit Numbers(int end) : limit{end} {}
  std::vector<int> handle_demand(std::size_t count) {
    std::vector<int> numbers(std::min(count, static_cast<std::size_t>(limit - next)));
    std::iota(numbers.begin(), numbers.end(), next);
    next += static_cast<int>(numbers.size());
    return numbers;
  }
  int next = 0;
  int limit;
};

struct Batch {
  std::vector<int> events;
};
// Shows what it gets to a process.
struct Reporter {
  using Event = int;
  explicit Reporter(Pid pid) : to{pid} {}
  void handle_events(std::vector<int> events) { send(to, Batch{std::move(events)}); }
  Pid to;
};
using Source = Producer<Numbers>;
using Sink = Consumer<Reporter>;
using Buffer = StageBuffer<int>;

Async<std::vector<int>> receive_events(Process& self, std::size_t count) {
  std::vector<int> all;
  while (all.size() < count) {
    const Batch batch = co_await self.receive<Batch>();
    all.insert(all.end(), batch.events.begin(), batch.events.end());
  }
  co_return all;
}
std::vector<int> up_to(int end) {
  std::vector<int> numbers(static_cast<std::size_t>(end));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST_F(StageTest, a_consumer_gets_what_it_asks_for_in_order) {
  on_every_executor([](Process& self) -> Async<> {
    const auto source = co_await Source::start_link(self, 100);
    const auto sink = co_await Sink::start_link(self, self.pid());
    co_await subscribe(self, sink, source, {.max = 7, .min = 3});
    EXPECT_EQ(co_await receive_events(self, 100), up_to(100));
    const auto state = co_await sys::get_state(self, source.pid());
    EXPECT_EQ(*state.find(Atom{"consumers"}), Term{1});
    co_await stop(self, sink);
    co_await stop(self, source);
  });
}

// Takes each batch only when it is told to.
struct Slow {
  using Event = int;
  explicit Slow(Pid pid) : to{pid} {}
  Async<> handle_events(Process& self, std::vector<int> events) {
    send(to, Batch{std::move(events)});
    co_await self.receive<Atom>();
  }
  Pid to;
};

TEST_F(StageTest, no_more_is_produced_than_the_demand_of_a_consumer_that_is_slow) {
  on_every_executor([](Process& self) -> Async<> {
    const auto source = co_await Source::start_link(self, 1'000);
    const auto slow = co_await Consumer<Slow>::start(self, self.pid());
    co_await subscribe(self, slow, source, {.max = 10, .min = 5});
    EXPECT_EQ((co_await self.receive<Batch>()).events, up_to(10));
    const auto state = co_await sys::get_state(self, source.pid());
    EXPECT_EQ(*state.find(Atom{"demand"}), Term{0});
    EXPECT_FALSE(co_await self.receive<Batch>(Duration::zero()));
    send(slow.pid(), Atom{"go"});
    EXPECT_EQ((co_await self.receive<Batch>()).events.front(), 10);
    exit(slow.pid(), atoms::shutdown);
    co_return;
  });
}

// What a well is filled from.
struct Spring : GenServer<Spring> {
  struct Put {
    int event;
  };
  struct Take {
    std::size_t count;
    using Reply = std::vector<int>;
  };
  void handle_cast(Put m) { events.push_back(m.event); }
  std::vector<int> handle_call(Take m) {
    const auto end = events.begin() + static_cast<long>(std::min(m.count, events.size()));
    std::vector<int> taken(events.begin(), end);
    events.erase(events.begin(), end);
    return taken;
  }
  std::vector<int> events;
};
struct Well {
  using Event = int;
  explicit Well(ServerRef<Spring> from) : spring{from} {}
  Async<std::vector<int>> handle_demand(Process& self, std::size_t count) {
    co_return co_await call(self, spring, Spring::Take{count});
  }
  ServerRef<Spring> spring;
};

TEST_F(StageTest, a_producer_that_had_nothing_is_asked_again_when_it_says_so) {
  on_every_executor([](Process& self) -> Async<> {
    const auto spring = co_await Spring::start_link(self);
    const auto well = co_await Producer<Well>::start_link(self, spring);
    const auto sink = co_await Sink::start_link(self, self.pid());
    co_await subscribe(self, sink, well);
    for (int i = 0; i < 3; ++i) {
      cast(spring, Spring::Put{i});
      Producer<Well>::notify(well);
      EXPECT_EQ((co_await self.receive<Batch>()).events, std::vector{i});
    }
    co_await stop(self, sink);
    co_await stop(self, well);
    co_await stop(self, spring);
  });
}

TEST_F(StageTest, each_event_goes_to_one_of_several_consumers) {
  on_every_executor([](Process& self) -> Async<> {
    const auto source = co_await Source::start_link(self, 200);
    for (int i = 0; i < 3; ++i) {
      const auto sink = co_await Sink::start_link(self, self.pid());
      co_await subscribe(self, sink, source, {.max = 4, .min = 1});
    }
    auto all = co_await receive_events(self, 200);
    std::ranges::sort(all);
    EXPECT_EQ(all, up_to(200));
  });
}

TEST_F(StageTest, a_full_buffer_holds_up_whoever_pushes_until_there_is_demand) {
  on_every_executor([](Process& self) -> Async<> {
    const auto buffer = co_await Buffer::start_link(self, BufferOptions{.capacity = 3});
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(co_await Buffer::push(self, buffer, i));
    EXPECT_THROW(co_await Buffer::push(self, buffer, 3, 1ms), CallException);
    EXPECT_EQ(*(co_await sys::get_state(self, buffer.pid())).find(Atom{"waiting"}), Term{1});
    const auto sink = co_await Sink::start_link(self, self.pid());
    co_await subscribe(self, sink, buffer);
    EXPECT_TRUE(co_await Buffer::push(self, buffer, 4));
    EXPECT_EQ(co_await receive_events(self, 5), up_to(5));
    co_await stop(self, sink);
    co_await stop(self, buffer);
    EXPECT_FALSE(co_await Buffer::try_start(self, BufferOptions{.capacity = 0}));
  });
}

TEST_F(StageTest, a_full_buffer_drops_the_newest_or_the_oldest_where_told) {
  on_every_executor([](Process& self) -> Async<> {
    for (const BufferOverflow overflow :
         {BufferOverflow::drop_newest, BufferOverflow::drop_oldest}) {
      const auto buffer =
          co_await Buffer::start_link(self, BufferOptions{.capacity = 2, .overflow = overflow});
      for (int i = 0; i < 4; ++i) EXPECT_EQ(co_await Buffer::push(self, buffer, i), i < 2);
      const auto sink = co_await Sink::start_link(self, self.pid());
      co_await subscribe(self, sink, buffer);
      const bool newest = overflow == BufferOverflow::drop_newest;
      EXPECT_EQ(co_await receive_events(self, 2),
                newest ? std::vector({0, 1}) : std::vector({2, 3}));
      EXPECT_EQ(*(co_await sys::get_state(self, buffer.pid())).find(Atom{"dropped"}), Term{2});
      co_await stop(self, sink);
      co_await stop(self, buffer);
    }
  });
}

TEST_F(StageTest, the_demand_of_a_dead_consumer_is_forgotten) {
  on_every_executor([](Process& self) -> Async<> {
    const auto buffer = co_await Buffer::start_link(self);
    const auto dies = co_await Sink::start(self, self.pid());
    co_await subscribe(self, dies, buffer);
    exit(dies.pid(), atoms::kill);
    Term state;
    do {
      state = co_await sys::get_state(self, buffer.pid());
    } while (*state.find(Atom{"consumers"}) != Term{0});
    EXPECT_TRUE(co_await Buffer::push(self, buffer, 0));
    const auto sink = co_await Sink::start_link(self, self.pid());
    co_await subscribe(self, sink, buffer);
    EXPECT_EQ(co_await receive_events(self, 1), up_to(1));
    co_await stop(self, sink);
    co_await stop(self, buffer);
  });
}

TEST_F(StageTest, a_consumer_ends_with_its_producer_unless_told_otherwise) {
  on_every_executor([](Process& self) -> Async<> {
    const auto source = co_await Source::start(self, 10);
    const auto [follows, ref] = co_await Sink::start_monitor(self, self.pid());
    const auto stays = co_await Sink::start_link(self, self.pid());
    co_await subscribe(self, follows, source);
    co_await subscribe(self, stays, source, {.stop_with_producer = false});
    exit(source.pid(), "broken");
    EXPECT_EQ((co_await self.receive<Down>()).reason, ExitReason{"broken"});
    EXPECT_EQ(*(co_await sys::get_state(self, stays.pid())).find(Atom{"producers"}), Term{0});
    co_await stop(self, stays);
  });
}

// Doubles what it gets and passes it on.
struct Doubler {
  using Event = int;
  explicit Doubler(Buffer::Ref buffer) : to{buffer} {}
  Async<> handle_events(Process& self, std::vector<int> events) {
    for (const int event : events) (void)co_await Buffer::push(self, to, event * 2);
  }
  Buffer::Ref to;
};

TEST_F(StageTest, a_pipeline_of_small_parts_loses_and_doubles_nothing_under_every_schedule) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto source = co_await Source::start_link(self, 60);
        const auto buffer = co_await Buffer::start_link(self, BufferOptions{.capacity = 2});
        const auto sink = co_await Sink::start_link(self, self.pid());
        for (int i = 0; i < 2; ++i) {
          const auto doubler = co_await Consumer<Doubler>::start_link(self, buffer);
          co_await subscribe(self, doubler, source, {.max = 5, .min = 2});
        }
        co_await subscribe(self, sink, buffer, {.max = 3, .min = 0});
        auto all = co_await receive_events(self, 60);
        std::ranges::sort(all);
        for (int i = 0; i < 60; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i * 2);
      },
      100);
}

TEST_F(StageTest, a_hundred_thousand_events_flow_through) {
  test::on_two_workers([](Process& self) -> Async<> {
    const auto source = co_await Source::start_link(self, 100'000);
    const auto sink = co_await Sink::start_link(self, self.pid());
    co_await subscribe(self, sink, source);
    EXPECT_EQ(co_await receive_events(self, 100'000), up_to(100'000));
  });
}

}  // namespace
}  // namespace troupe
