// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The cache: expiry, eviction, and computations that are shared, crash, or are overruled.
#include <troupe/cache.hpp>
#include <troupe/spawn.hpp>
#include <troupe/sys.hpp>

#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe {
namespace {

using namespace std::chrono_literals;
using test::on_every_executor;
using Words = Cache<std::string, int>;
using Numbers = Cache<int, int>;

class CacheTest : public testing::Test {
 protected:
  test::CapturedLog log_;
};

TEST_F(CacheTest, what_was_put_is_there_until_it_is_erased) {
  on_every_executor([](Process& self) -> Async<> {
    const auto cache = co_await Words::start_link(self);
    EXPECT_EQ(co_await Words::get(self, cache, "a"), std::nullopt);
    co_await Words::put(self, cache, "a", 1);
    co_await Words::put(self, cache, "a", 2);
    co_await Words::put(self, cache, "b", 3);
    EXPECT_EQ(co_await Words::get(self, cache, "a"), 2);
    const auto keys = co_await Words::keys(self, cache);
    EXPECT_EQ(keys, (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(co_await Words::erase(self, cache, "a"));
    EXPECT_FALSE(co_await Words::erase(self, cache, "a"));
    EXPECT_TRUE(co_await Words::has(self, cache, "b"));
    co_await Words::clear(self, cache);
    EXPECT_FALSE(co_await Words::has(self, cache, "b"));
    const CacheStats stats = co_await Words::stats(self, cache);
    EXPECT_EQ(stats.hits, 1u);
    EXPECT_EQ(stats.misses, 1u);
    EXPECT_EQ(stats.hit_rate(), 0.5);
    EXPECT_EQ(stats.size, 0u);
    co_await stop(self, cache);
  });
}

TEST_F(CacheTest, an_entry_expires_and_a_new_put_begins_its_time_anew) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto cache = co_await Words::start_link(self, CacheOptions{.ttl = 60ms});
    co_await Words::put(self, cache, "short", 1);
    co_await Words::put(self, cache, "long", 2, 1h);
    co_await Words::put(self, cache, "for ever", 2, infinity);
    co_await Words::put(self, cache, "renewed", 3);
    co_await self.sleep(40ms);
    co_await Words::put(self, cache, "renewed", 4);
    EXPECT_EQ(co_await Words::get(self, cache, "short"), 1);
    co_await self.sleep(40ms);
    EXPECT_EQ(co_await Words::get(self, cache, "short"), std::nullopt);
    EXPECT_EQ(co_await Words::get(self, cache, "renewed"), 4);
    co_await self.sleep(2h);
    const auto keys = co_await Words::keys(self, cache);
    EXPECT_EQ(keys, std::vector<std::string>{"for ever"});
    const CacheStats stats = co_await Words::stats(self, cache);
    EXPECT_EQ(stats.size, 1u);
    EXPECT_EQ(stats.expired, 3u);
    co_await Words::put(self, cache, "for ever", 1, 0ms);
    EXPECT_FALSE(co_await Words::has(self, cache, "for ever"));
    co_await stop(self, cache);
  });
}

TEST_F(CacheTest, an_expired_entry_is_not_given_even_before_its_timer_came) {
  on_every_executor([](Process& self) -> Async<> {
    const auto cache = co_await Words::start_link(self, CacheOptions{.ttl = 2ms});
    co_await Words::put(self, cache, "a", 1);
    co_await sys::suspend(self, cache.pid());
    co_await self.sleep(4ms);
    co_await sys::resume(self, cache.pid());
    EXPECT_EQ(co_await Words::get(self, cache, "a"), std::nullopt);
    EXPECT_EQ((co_await Words::stats(self, cache)).expired, 1u);
    co_await stop(self, cache);
  });
}

TEST_F(CacheTest, the_least_recently_used_entry_is_pushed_out) {
  on_every_executor([](Process& self) -> Async<> {
    const auto cache = co_await Numbers::start_link(self, CacheOptions{.max_entries = 3});
    for (int i = 1; i <= 3; ++i) co_await Numbers::put(self, cache, i, i);
    EXPECT_EQ(co_await Numbers::get(self, cache, 1), 1);
    EXPECT_TRUE(co_await Numbers::has(self, cache, 2));  // counts as no use
    co_await Numbers::put(self, cache, 4, 4);
    EXPECT_EQ(co_await Numbers::keys(self, cache), (std::vector<int>{4, 1, 3}));
    EXPECT_EQ((co_await Numbers::stats(self, cache)).evicted, 1u);
    EXPECT_EQ(*(co_await sys::get_state(self, cache.pid())).find(Atom{"size"}), Term{3});
    co_await stop(self, cache);
    const auto none = co_await Numbers::try_start(self, CacheOptions{.max_entries = 0});
    EXPECT_FALSE(none.has_value());
  });
}

// A slow source, which counts how often it is asked.
struct Source : GenServer<Source> {
  struct Ask {
    using Reply = int;
  };
  struct Asked {
    using Reply = int;
  };
  Async<int> handle_call(Process& self, Ask) {
    co_await self.sleep(1ms);
    co_return ++asked;
  }
  int handle_call(Asked) { return asked; }
  int asked = 0;
};

auto ask_source(ServerRef<Source> source) {
  return owned([source](Process& self, int key) -> Async<int> {
    const int n = co_await call(self, source, Source::Ask{});
    co_return key * 10 + n;
  });
}

struct Got {
  int value;
};

TEST_F(CacheTest, many_who_ask_for_one_missing_key_share_one_computation) {
  on_every_executor([](Process& self) -> Async<> {
    const auto cache = co_await Numbers::start_link(self);
    const auto source = co_await Source::start_link(self);
    for (int i = 0; i < 10; ++i) {
      spawn_link(
          [](Process& p, Numbers::Ref c, ServerRef<Source> s, Pid to) -> Async<> {
            const auto got = co_await Numbers::get_or_compute(p, c, 7, ask_source(s));
            send(to, Got{got.value()});
          },
          cache, source, self.pid());
    }
    for (int i = 0; i < 10; ++i) EXPECT_EQ((co_await self.receive<Got>()).value, 71);
    EXPECT_EQ(co_await Numbers::get_or_compute(self, cache, 7, [](const int&) { return 0; }), 71);
    EXPECT_EQ(co_await Numbers::get_or_compute(self, cache, 8, [](const int& k) { return k; }), 8);
    EXPECT_EQ(co_await call(self, source, Source::Asked{}), 1);
    EXPECT_EQ((co_await Numbers::stats(self, cache)).computed, 2u);
    co_await stop(self, cache);
    co_await stop(self, source);
  });
}

TEST_F(CacheTest, a_computation_that_crashes_gives_its_reason_and_keeps_nothing) {
  on_every_executor([](Process& self) -> Async<> {
    const auto cache = co_await Numbers::start_link(self);
    const auto broken = [](Process& p, const int&) -> int { p.exit("no source"); };
    const auto result = co_await Numbers::get_or_compute(self, cache, 1, broken);
    EXPECT_EQ(result.error(), ExitReason{"no source"});
    EXPECT_EQ(co_await Numbers::get_or_compute(self, cache, 1, [](const int&) { return 5; }), 5);
    const CacheStats stats = co_await Numbers::stats(self, cache);
    EXPECT_EQ(stats.failed, 1u);
    EXPECT_EQ(stats.computed, 1u);
    co_await stop(self, cache);
  });
}

TEST_F(CacheTest, the_cache_serves_others_while_a_value_is_computed_and_what_is_put_wins) {
  on_every_executor([](Process& self) -> Async<> {
    const auto cache = co_await Numbers::start_link(self);
    spawn_link(
        [](Process& p, Numbers::Ref c, Pid to) -> Async<> {
          const auto got = co_await Numbers::get_or_compute(
              p, c, 1, owned([to](Process& computing, const int&) -> Async<int> {
                send(to, computing.pid());
                co_return co_await computing.receive<int>();
              }));
          send(to, Got{got.value()});
        },
        cache, self.pid());
    const Pid computing = co_await self.receive<Pid>();
    co_await Numbers::put(self, cache, 1, 100);
    EXPECT_EQ(co_await Numbers::get(self, cache, 1), 100);
    send(computing, 42);
    EXPECT_EQ((co_await self.receive<Got>()).value, 42);
    EXPECT_EQ(co_await Numbers::get(self, cache, 1), 100);
    co_await stop(self, cache);
  });
}

TEST_F(CacheTest, a_result_that_was_invalidated_meanwhile_is_not_kept) {
  on_every_executor([](Process& self) -> Async<> {
    const auto cache = co_await Numbers::start_link(self);
    for (const bool clears : {false, true}) {
      spawn_link(
          [](Process& p, Numbers::Ref c, Pid to) -> Async<> {
            (void)co_await Numbers::get_or_compute(
                p, c, 1, owned([to](Process& computing, const int&) -> Async<int> {
                  send(to, computing.pid());
                  co_return co_await computing.receive<int>();
                }));
            send(to, Got{});
          },
          cache, self.pid());
      const Pid computing = co_await self.receive<Pid>();
      if (clears) {
        co_await Numbers::clear(self, cache);
      } else {
        EXPECT_FALSE(co_await Numbers::erase(self, cache, 1));
      }
      send(computing, 42);
      co_await self.receive<Got>();
      EXPECT_EQ(co_await Numbers::get(self, cache, 1), std::nullopt);
    }
    co_await stop(self, cache);
  });
}

TEST_F(CacheTest, it_never_gives_what_was_not_put_under_every_schedule) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto cache =
            co_await Numbers::start_link(self, CacheOptions{.max_entries = 4, .ttl = 1ms});
        for (int writer = 0; writer < 4; ++writer) {
          spawn_link(
              [](Process& p, Numbers::Ref c, Pid to) -> Async<> {
                for (int i = 0; i < 20; ++i) {
                  const int key = static_cast<int>(p.random() % 8);
                  switch (p.random() % 4) {
                    case 0:
                      co_await Numbers::put(p, c, key, key * 2);
                      break;
                    case 1:
                      co_await Numbers::erase(p, c, key);
                      break;
                    case 2:
                      EXPECT_EQ(co_await Numbers::get_or_compute(
                                    p, c, key, [](const int& k) { return k * 2; }),
                                key * 2);
                      break;
                    default:
                      EXPECT_EQ((co_await Numbers::get(p, c, key)).value_or(key * 2), key * 2);
                  }
                }
                send(to, Got{});
              },
              cache, self.pid());
        }
        for (int i = 0; i < 4; ++i) co_await self.receive<Got>();
        EXPECT_LE((co_await Numbers::stats(self, cache)).size, 4u);
        co_await stop(self, cache);
      },
      100);
}

TEST_F(CacheTest, a_hundred_thousand_entries_are_put_found_and_expire) {
  test::on_every_seed(
      [](Process& self) -> Async<> {
        const auto cache = co_await Numbers::start_link(self, CacheOptions{.ttl = 1h});
        for (int i = 0; i < 100'001; ++i) co_await Numbers::put(self, cache, i, i);
        EXPECT_EQ(co_await Numbers::get(self, cache, 0), std::nullopt);
        EXPECT_EQ(co_await Numbers::get(self, cache, 77'777), 77'777);
        co_await self.sleep(2h);
        EXPECT_EQ((co_await Numbers::stats(self, cache)).size, 0u);
        EXPECT_EQ((co_await Numbers::stats(self, cache)).expired, 100'000u);
        co_await stop(self, cache);
      },
      1);
}

}  // namespace
}  // namespace troupe
