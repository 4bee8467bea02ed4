// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/event_ring.hpp"

#include <gtest/gtest.h>

#include <troupe/simulation.hpp>
#include <troupe/troupe.hpp>

#include "session/storage_key.hpp"

namespace greenroom {
struct RingPtr {
  EventRing* ring = nullptr;
};
}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::RingPtr> = true;

namespace greenroom {
namespace {

using namespace troupe;
using namespace std::chrono_literals;
using Kind = SessionEvent::Kind;

TEST(EventRing, a_reader_goes_on_where_it_stopped_and_misses_nothing) {
  EventRing ring;
  ring.begin(7, 100);
  for (int i = 0; i < 50; ++i) ring.add(Kind::updated, storage_key(0, std::to_string(i)), i);
  std::uint64_t after = ring.parse_position("0")->after;
  std::vector<std::string> keys;
  for (;;) {
    const auto page = ring.read(after, 7);
    ASSERT_TRUE(page.has_value());
    if (page->events.empty()) break;
    for (const SessionEvent& event : page->events) keys.emplace_back(key_in(event.key));
    after = page->last;
  }
  ASSERT_EQ(keys.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(keys[static_cast<std::size_t>(i)], std::to_string(i));
  EXPECT_EQ(after, ring.last());
}

TEST(EventRing, who_was_away_for_too_long_is_told_the_oldest_position) {
  EventRing ring;
  ring.begin(7, 10);
  for (int i = 0; i < 25; ++i) ring.add(Kind::created, storage_key(0, "k"), i);
  EXPECT_TRUE(ring.read(15, 100).has_value());
  const auto gone = ring.read(14, 100);
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error(), 15u);
  EXPECT_EQ(ring.read(gone.error(), 100)->events.size(), 10u);
  EXPECT_FALSE(ring.read(26, 100).has_value()) << "nobody was told this position";
}

TEST(EventRing, long_keys_are_bounded_in_number_and_size) {
  EventRing ring;
  ring.begin(7, 1'000'000);
  const std::string key = storage_key(0, std::string(EventRing::max_key_bytes - 1, 'x'));
  const std::size_t fit = EventRing::max_bytes / key.size();
  for (std::size_t i = 0; i < fit + 10; ++i) ring.add(Kind::updated, key, 0);
  EXPECT_EQ(ring.last() - ring.oldest(), fit);
  ring.add(Kind::updated, key + "x", 0);
  EXPECT_EQ(ring.last(), fit + 10) << "an event of a longer key was kept";
}

TEST(EventRing, positions_name_the_run_and_nonsense_is_none) {
  EventRing ring;
  ring.begin(1'764'430'000'000, 10);
  ring.add(Kind::created, storage_key(0, "k"), 0);
  EXPECT_EQ(ring.position(1), "1764430000000-1");
  EXPECT_EQ(ring.parse_position("1764430000000-1")->after, 1u);
  EXPECT_FALSE(ring.parse_position("1764430000000-1")->is_of_other_run);
  EXPECT_TRUE(ring.parse_position("1764430000001-1")->is_of_other_run);
  EXPECT_EQ(ring.parse_position("$")->after, 1u);
  EXPECT_EQ(ring.parse_position("0")->after, 0u);
  for (const char* text : {"", "1", "-", "a-1", "1-a", "1--1", "-1-1", "1-1-1", " 1-1"})
    EXPECT_FALSE(ring.parse_position(text).has_value()) << text;
}

TEST(EventRing, a_ring_of_none_keeps_none) {
  EventRing ring;
  ring.begin(7, 0);
  ring.add(Kind::created, storage_key(0, "k"), 0);
  EXPECT_EQ(ring.last(), 0u);
}

Async<> write_hundred(Process& self, RingPtr to) {
  for (int i = 0; i < 100; ++i) {
    to.ring->add(Kind::updated, storage_key(0, "k"), i);
    co_await self.yield();
  }
}

Async<> read_hundred(Process& self, RingPtr from) {
  EventRing& ring = *from.ring;
  spawn(write_hundred, from);
  std::uint64_t after = 0;
  while (after < 100) {
    const auto page = ring.read(after, 3);
    after = page->last;
    if (!page->events.empty() || !ring.wait(self.pid(), after)) continue;
    const auto come = co_await self.receive<EventsCame>(1h);
    EXPECT_TRUE(come.has_value()) << "after " << after;
  }
  const auto more = co_await self.receive<EventsCame>(1h);
  EXPECT_FALSE(more.has_value());
}

TEST(EventRing, a_process_that_waits_is_woken_once_and_never_forgotten) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    EventRing ring;
    ring.begin(7, 1'000);
    Simulation simulation{{.seed = seed}};
    auto result = simulation.runtime().try_run(read_hundred, RingPtr{&ring});
    EXPECT_TRUE(result.has_value()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace greenroom
