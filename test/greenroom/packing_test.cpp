// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// When sessions compress their values: in virtual time.
#include <gtest/gtest.h>
#include <random>

#include <troupe/simulation.hpp>
#include <troupe/troupe.hpp>

#include "server/key_request.hpp"
#include "session/packer.hpp"
#include "session/packing_queue.hpp"

namespace greenroom {
namespace {

using namespace troupe;
using namespace std::chrono_literals;

std::string json_value(std::mt19937_64& random) {
  const std::string number = std::to_string(random() % 1'000'000'000);
  return R"({"cookie":{"originalMaxAge":1800000,"httpOnly":true,"path":"/"},"user":)" + number +
         R"(,"cart":[)" + number.substr(0, 3) + R"(],"csrf":")" + number + "\"}";
}

// A house whose sessions are compressed.
void teach(Dictionaries& dictionaries) {
  static const std::optional<std::string> bytes = [] {
    std::mt19937_64 random{2};
    Samples samples;
    for (int i = 0; i < 1'000; ++i) samples.add(json_value(random));
    return train(samples, nullptr);
  }();
  ASSERT_TRUE(bytes);
  ASSERT_TRUE(
      dictionaries.add(Dictionaries::stored_key(1), Dictionaries::stored_value("sess:", *bytes)));
}

struct Seen {
  std::int64_t new_one = 0;  // what the dataset takes by the counters
  std::int64_t after_write = 0;
  std::int64_t before_due = 0;
  std::int64_t in_the_end = 0;
  std::string value;
};

Async<std::string> ask(Process& self, HouseRef house, std::vector<std::string> words) {
  const std::vector<std::string_view> views{words.begin(), words.end()};
  KeyRequest request{house, *find_command(views[0]), views, 0, KeyRequest::Asker{}};
  co_await request.send(self);
  co_return co_await request.reply(self);
}

Async<Seen> write_and_wait(Process& self, HouseRef house, std::string value) {
  register_name(packer_name, spawn_link(packer, house));
  const auto& bytes = house->counters.dataset_bytes;
  Seen seen;
  std::vector<std::string> set{"SET", "sess:1", value};
  (void)co_await ask(self, house, set);
  co_await self.sleep(3s);
  (void)co_await ask(self, house, set);
  co_await self.sleep(3s);  // it sleeps by then
  seen.new_one = bytes;
  (void)co_await ask(self, house, set);
  co_await self.sleep(1s);
  seen.after_write = bytes;
  (void)co_await ask(self, house, set);
  co_await self.sleep(3s);
  seen.before_due = bytes;
  co_await self.sleep(2s);
  seen.in_the_end = bytes;
  std::vector<std::string> get{"GET", "sess:1"};
  seen.value = co_await ask(self, house, get);
  co_return seen;
}

Seen seen_with(SessionHouse& house, const std::string& value, std::uint64_t seed) {
  Simulation simulation{{.seed = seed}};
  auto run = simulation.runtime().try_run(write_and_wait, HouseRef{&house}, value);
  EXPECT_TRUE(run.has_value()) << "seed " << seed << ": " << to_erlang(run.error().term());
  return run ? *run : Seen{};
}

TEST(Packing, of_what_is_written_to_often_waits_and_is_done_in_the_end) {
  std::mt19937_64 random{1};
  const std::string value = json_value(random);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SessionHouse house;
    teach(house.dictionaries);
    const Seen seen = seen_with(house, value, seed);
    EXPECT_GT(seen.after_write, static_cast<std::int64_t>(320 + value.size())) << "seed " << seed;
    EXPECT_EQ(seen.before_due, seen.after_write) << "seed " << seed;
    EXPECT_LT(seen.new_one, seen.after_write - 50) << "seed " << seed;
    EXPECT_EQ(seen.in_the_end, seen.new_one) << "seed " << seed;
    EXPECT_EQ(seen.value, "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n");
    EXPECT_FALSE(house.packing.next_due());
  }
}

TEST(Packing, is_done_at_once_when_too_many_wait) {
  std::mt19937_64 random{1};
  SessionHouse house;
  teach(house.dictionaries);
  for (std::size_t i = 0; i < PackingQueue::max_waiting; ++i) {
    (void)house.packing.add(Pid{}, Duration{1h});
  }
  const Seen seen = seen_with(house, json_value(random), 1);
  EXPECT_EQ(seen.after_write, seen.new_one);
  EXPECT_EQ(seen.in_the_end, seen.new_one);
}

TEST(Packing, is_done_at_once_at_the_limit_of_memory) {
  std::mt19937_64 random{1};
  SessionHouse house;
  house.max_memory_bytes = 1;
  teach(house.dictionaries);
  const Seen seen = seen_with(house, json_value(random), 1);
  EXPECT_EQ(seen.after_write, seen.new_one);
  EXPECT_EQ(seen.in_the_end, seen.new_one);
  EXPECT_FALSE(house.packing.next_due());
}

TEST(PackingQueue, gives_back_what_is_due_in_order_and_takes_no_more_than_it_may) {
  PackingQueue queue;
  EXPECT_FALSE(queue.next_due());
  EXPECT_EQ(queue.add(Pid{}, 0s), PackingQueue::Added::first);
  EXPECT_EQ(queue.add(Pid{}, 1s), PackingQueue::Added::yes);
  EXPECT_EQ(queue.next_due(), PackingQueue::wait);
  EXPECT_TRUE(queue.take_due(PackingQueue::wait - 1ms, 10).empty());
  EXPECT_EQ(queue.take_due(PackingQueue::wait, 10).size(), 1u);
  EXPECT_EQ(queue.next_due(), PackingQueue::wait + 1s);
  for (std::size_t i = 1; i < PackingQueue::max_waiting; ++i) (void)queue.add(Pid{}, 1s);
  EXPECT_EQ(queue.add(Pid{}, 1s), PackingQueue::Added::no);
  EXPECT_EQ(queue.take_due(1h, 10).size(), 10u);
  EXPECT_EQ(queue.add(Pid{}, 1s), PackingQueue::Added::yes);
}

}  // namespace
}  // namespace greenroom
