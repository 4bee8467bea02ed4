// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Stores behind processes: routing, group commit, back pressure, restarts. On every executor where
// time does not matter, with a store in memory that the test holds, blocks and breaks.
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <troupe/store_pool.hpp>
#include <troupe/sys.hpp>

#include "storage/backends.hpp"
#include "storage/temporary_directory.hpp"
#include "storage/watched_stores.hpp"
#include "support/captured_log.hpp"
#include "support/on_every_executor.hpp"

namespace troupe::storage::test {
namespace {

using namespace std::chrono_literals;
using troupe::test::on_every_executor;
using troupe::test::on_every_seed;

TEST(StorePool, what_is_put_is_got_from_whichever_worker_has_the_key) {
  on_every_executor([](Process& self) -> Async<> {
    const auto stores = std::make_shared<WatchedStores>();
    const StorePool pool{"pool", 3};
    co_await Supervisor::start_link(self, children(pool.child(opens(stores))));
    for (int i = 0; i < 20; ++i) {
      const std::string key = "k" + std::to_string(i);
      EXPECT_TRUE(succeeded(co_await put(self, pool, key, "v" + key)));
    }
    EXPECT_TRUE(succeeded(co_await remove(self, pool, "k7")));
    auto found = co_await get(self, pool, "k3");
    EXPECT_TRUE(found && *found == "vk3");
    auto gone = co_await get(self, pool, "k7");
    EXPECT_TRUE(gone && !*gone);
    auto keys = co_await list(self, pool, "k1");
    EXPECT_TRUE(succeeded(keys));
    EXPECT_EQ(keys->size(), 11U);
    EXPECT_TRUE(std::ranges::is_sorted(*keys));
    auto some = co_await page(self, pool, "", "k10", 3);
    EXPECT_TRUE(succeeded(some));
    EXPECT_EQ(some->size(), 3U);
    EXPECT_EQ((*some)[0].key, "k11");
    const std::vector<std::string> some_keys{"k1", "k2", "k3", "none"};
    EXPECT_TRUE(succeeded(co_await remove_all(self, pool, some_keys)));
    EXPECT_EQ((co_await list(self, pool))->size(), 16U);
    for (auto& [worker, disk] : stores->disks) {
      for (const std::string& key : *disk->list()) EXPECT_EQ(pool.worker_of(key), worker);
    }
  });
}

TEST(StorePool, keys_are_routed_as_erlang_hashes_them) {
  const StorePool pool{"pool", 3};
  // [erlang:phash2(K, 3) || K <- [<<"shopping">>, <<"bills">>, <<"a">>, <<>>]] is [0,2,0,1].
  EXPECT_EQ(pool.worker_of("shopping"), 0U);
  EXPECT_EQ(pool.worker_of("bills"), 2U);
  EXPECT_EQ(pool.worker_of("a"), 0U);
  EXPECT_EQ(pool.worker_of(""), 1U);
}

struct Profile {
  std::string name;
  int visits = 0;
};

TEST(StorePool, values_of_mapped_types_go_in_and_come_out) {
  on_every_seed(
      [](Process& self) -> Async<> {
        const StorePool pool{"pool", 2};
        co_await Supervisor::start_link(
            self, children(pool.child(opens(std::make_shared<WatchedStores>()))));
        EXPECT_TRUE(succeeded(co_await put_value(self, pool, "ann", Profile{"Ann", 3})));
        auto profile = co_await get_value<Profile>(self, pool, "ann");
        EXPECT_TRUE(succeeded(profile));
        EXPECT_EQ((*profile)->visits, 3);
        EXPECT_TRUE(refused(co_await get_value<int>(self, pool, "ann"), ErrorKind::wrong_type));
        EXPECT_TRUE(succeeded(co_await put(self, pool, "raw", "no term")));
        EXPECT_TRUE(refused(co_await get_value<int>(self, pool, "raw"), ErrorKind::corrupt));
        auto none = co_await get_value<int>(self, pool, "nobody");
        EXPECT_TRUE(none && !*none);
      },
      3);
}

// Puts once told to, and tells how it went.
struct Go {};
struct Outcome {
  int number = 0;
  Result<void> result;
};
Async<> writer(Process& self, StorePool pool, Pid tell, int number) {
  auto result = co_await put(self, pool, "k" + std::to_string(number), "value", infinity);
  send(tell, Outcome{number, std::move(result)});
}

// Waits until the pool's only worker has accepted that many requests.
Async<> until_waiting(Process& self, StorePool pool, std::int64_t count) {
  for (;;) {
    const Term state = co_await sys::get_state(self, whereis(pool.worker_name(0)));
    const Term* waiting = state.find(atom("waiting"));
    if (waiting && waiting->as_int() == count) co_return;
    co_await self.sleep(1ms);
  }
}

TEST(StorePool, requests_that_wait_become_one_batch) {
  const auto stores = std::make_shared<WatchedStores>();
  stores->is_blocked = true;
  Runtime runtime;
  auto done = runtime.try_run([stores](Process& self) -> Async<> {
    const StorePool pool{"pool", 1};
    co_await Supervisor::start_link(self, children(pool.child(opens(stores))));
    for (int i = 0; i < 50; ++i) spawn_link(writer, pool, self.pid(), i);
    co_await until_waiting(self, pool, 50);
    stores->let_go();
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(succeeded((co_await self.receive<Outcome>()).result));
    }
    EXPECT_EQ(stores->batches.size(), 2U);
    EXPECT_EQ(stores->batches[0] + stores->batches[1], 50U);
  });
  EXPECT_TRUE(done.has_value());
}

TEST(StorePool, a_worker_that_is_behind_says_busy_and_goes_on) {
  const auto stores = std::make_shared<WatchedStores>();
  stores->is_blocked = true;
  Runtime runtime;
  auto done = runtime.try_run([stores](Process& self) -> Async<> {
    const StorePool pool{"pool", 1};
    co_await Supervisor::start_link(
        self, children(pool.child(opens(stores), {.max_waiting = 10, .max_waiting_bytes = 1000})));
    for (int i = 0; i < 10; ++i) spawn_link(writer, pool, self.pid(), i);
    co_await until_waiting(self, pool, 10);
    EXPECT_TRUE(refused(co_await put(self, pool, "k", "v"), ErrorKind::busy, "10 requests"));
    stores->let_go();
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(succeeded((co_await self.receive<Outcome>()).result));
    }
    co_await until_waiting(self, pool, 0);
    EXPECT_TRUE(succeeded(co_await put(self, pool, "k", "v")));
    const std::string big(1000, 'b');
    EXPECT_TRUE(refused(co_await put(self, pool, "k", big), ErrorKind::busy));
  });
  EXPECT_TRUE(done.has_value());
}

TEST(StorePool, a_killed_worker_loses_nothing_that_was_acknowledged) {
  troupe::test::CapturedLog log;
  on_every_executor([](Process& self) -> Async<> {
    const auto stores = std::make_shared<WatchedStores>();
    const StorePool pool{"pool", 2};
    co_await Supervisor::start_link(self,
                                    children(pool.child(opens(stores), {.max_restarts = 1000})));
    std::set<std::string> acknowledged;
    // On a busy machine it may take a while until a worker is back.
    for (int i = 0; i < 60 || acknowledged.size() <= 20; ++i) {
      const std::string key = "k" + std::to_string(i);
      if (i % 7 == 3) troupe::exit(whereis(pool.worker_name(i % 2)), atoms::kill);
      auto done = co_await put(self, pool, key, "v");
      if (done) {
        acknowledged.insert(key);
      } else {
        EXPECT_EQ(done.error().kind, ErrorKind::unavailable);
        co_await self.sleep(1ms);
      }
    }
    for (const std::string& key : acknowledged) {
      for (;;) {
        auto found = co_await get(self, pool, key);
        if (found) {
          EXPECT_EQ(*found, "v");
        }
        if (found) break;
        co_await self.sleep(1ms);
      }
    }
  });
}

TEST(StorePool, a_new_worker_waits_for_the_last_write_of_the_one_before) {
  troupe::test::CapturedLog log;
  const auto stores = std::make_shared<WatchedStores>();
  stores->is_blocked = true;
  Runtime runtime;
  auto done = runtime.try_run([stores](Process& self) -> Async<> {
    const StorePool pool{"pool", 1};
    co_await Supervisor::start_link(self, children(pool.child(opens(stores))));
    spawn_link(writer, pool, self.pid(), 1);
    co_await until_waiting(self, pool, 1);
    troupe::exit(whereis(pool.worker_name(0)), atoms::kill);
    EXPECT_TRUE(refused((co_await self.receive<Outcome>()).result, ErrorKind::unavailable));
    for (;;) {  // until somebody has tried in vain
      {
        std::lock_guard lock{stores->mutex};
        if (stores->openings > 2) break;
      }
      co_await self.sleep(1ms);
    }
    stores->let_go();
    while (!co_await put(self, pool, "k", "v", infinity)) co_await self.sleep(1ms);
    auto written = co_await get(self, pool, "k1");
    EXPECT_TRUE(written && *written == "value");
  });
  EXPECT_TRUE(done.has_value());
}

TEST(StorePool, a_poisoned_store_is_opened_afresh) {
  troupe::test::CapturedLog log;
  on_every_executor([](Process& self) -> Async<> {
    const auto stores = std::make_shared<WatchedStores>();
    const StorePool pool{"pool", 1};
    co_await Supervisor::start_link(self, children(pool.child(opens(stores))));
    EXPECT_TRUE(succeeded(co_await put(self, pool, "k", "v")));
    {
      std::lock_guard lock{stores->mutex};
      stores->is_poisoned = true;
    }
    EXPECT_TRUE(refused(co_await put(self, pool, "k", "w"), ErrorKind::poisoned, "broken"));
    for (;;) {
      auto found = co_await get(self, pool, "k");
      if (found) {
        EXPECT_EQ(*found, "v");
      }
      if (found && stores->openings > 1) break;
      co_await self.sleep(1ms);
    }
    EXPECT_TRUE(succeeded(co_await put(self, pool, "k", "w")));
  });
}

TEST(StorePool, what_is_too_large_is_refused_alone) {
  on_every_seed(
      [](Process& self) -> Async<> {
        const StorePool pool{"pool", 1};
        co_await Supervisor::start_link(
            self, children(pool.child(opens(std::make_shared<WatchedStores>()))));
        EXPECT_TRUE(refused(co_await put(self, pool, std::string(max_key_bytes + 1, 'k'), "v"),
                            ErrorKind::too_large));
        EXPECT_TRUE(succeeded(co_await put(self, pool, "k", "v")));
      },
      2);
}

Async<> remover(Process& self, StorePool pool, Pid tell, std::string key) {
  std::vector<std::string> keys{"k0", std::move(key)};
  auto result = co_await remove_all(self, pool, std::move(keys), infinity);
  send(tell, Outcome{-1, std::move(result)});
}

TEST(StorePool, a_key_that_is_too_long_to_be_removed_spoils_nobodys_batch) {
  on_every_seed(
      [](Process& self) -> Async<> {
        const StorePool pool{"pool", 1};
        co_await Supervisor::start_link(
            self, children(pool.child(opens(std::make_shared<WatchedStores>()))));
        for (int i = 0; i < 20; ++i) {
          spawn_link(writer, pool, self.pid(), i);
          if (i == 10) spawn_link(remover, pool, self.pid(), std::string(max_key_bytes + 1, 'k'));
        }
        for (int i = 0; i < 21; ++i) {
          const Outcome outcome = co_await self.receive<Outcome>();
          if (outcome.number < 0) {
            EXPECT_TRUE(refused(outcome.result, ErrorKind::too_large));
          } else {
            EXPECT_TRUE(succeeded(outcome.result)) << outcome.number;
          }
        }
      },
      20);
}

TEST(StorePool, stopped_by_its_supervisor_it_writes_what_waits_and_closes) {
  const auto stores = std::make_shared<WatchedStores>();
  stores->is_blocked = true;
  Runtime runtime;
  auto done = runtime.try_run([stores](Process& self) -> Async<> {
    self.trap_exits();
    const StorePool pool{"pool", 1};
    auto top = co_await Supervisor::start_link(self, children(pool.child(opens(stores))));
    for (int i = 0; i < 5; ++i) spawn(writer, pool, self.pid(), i);
    co_await until_waiting(self, pool, 5);
    troupe::exit(top.pid(), atoms::shutdown);
    stores->let_go();
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(succeeded((co_await self.receive<Outcome>()).result));
    }
    EXPECT_EQ((co_await self.receive<Exit>()).from, top.pid());
    EXPECT_TRUE(stores->open.empty());
  });
  EXPECT_TRUE(done.has_value());
}

TEST(OpenPart, the_number_of_workers_belongs_to_the_directory) {
  TemporaryDirectory directory;
  const std::string path = directory / "pool";
  for (bool files : {false, true}) {
    const std::string own = path + (files ? "_files" : "_log");
    for (unsigned worker : {0U, 1U}) {
      auto store = open_part(own, worker, 2, {.files = files});
      ASSERT_TRUE(succeeded(store));
      ASSERT_TRUE(succeeded((*store)->put("k", std::to_string(worker))));
    }
    EXPECT_TRUE(refused(open_part(own, 0, 3, {.files = files}), ErrorKind::foreign, "2 workers"));
    EXPECT_EQ((*open_part(own, 1, 2, {.files = files}))->get("k"), "1");
    std::filesystem::remove_all(own + "/0-of-2");
    EXPECT_TRUE(refused(open_part(own, 0, 2, {.files = files}), ErrorKind::corrupt, "0-of-2"));
  }
}

}  // namespace
}  // namespace troupe::storage::test
