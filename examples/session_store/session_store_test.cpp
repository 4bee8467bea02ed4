// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session_store/session_store.hpp"

#include <gtest/gtest.h>

#include "support/directory_on_every_executor.hpp"

namespace {

using namespace session_store;

template <class F>
void in_a_fresh_store(F) {
  test::with_a_directory_on_every_executor([](Process& self, std::string where) -> Async<> {
    co_await start(self, where);
    co_await F{}(self);
  });
}

Async<std::string> get(Process& self, ServerRef<Session> session, std::string key) {
  co_return (co_await call(self, session, Session::Get{std::move(key)})).value_or("-");
}

TEST(SessionStore, one_id_is_one_session_with_its_data) {
  in_a_fresh_store([](Process& self) -> Async<> {
    const auto ada = co_await create_session(self, "ada");
    EXPECT_EQ(ada, co_await create_session(self, "ada"));
    co_await call(self, ada, Session::Put{"user", "1"});
    EXPECT_EQ(co_await get(self, ada, "user"), "1");
    EXPECT_EQ(co_await get(self, ada, "none"), "-");
    const Data data = co_await call(self, ada, Session::AllData{});
    EXPECT_EQ(data, (Data{{"user", "1"}}));
    EXPECT_EQ(active_sessions(), std::vector<std::string>{"ada"});
    EXPECT_FALSE(get_session("bob"));
  });
}

TEST(SessionStore, deleting_one_session_leaves_the_others_and_its_data_is_gone) {
  in_a_fresh_store([](Process& self) -> Async<> {
    const auto ada = co_await create_session(self, "ada");
    const auto bob = co_await create_session(self, "bob");
    co_await call(self, ada, Session::Put{"k", "v"});
    co_await call(self, bob, Session::Put{"k", "w"});
    EXPECT_TRUE(co_await delete_session(self, "ada"));
    EXPECT_FALSE(co_await delete_session(self, "ada"));
    EXPECT_EQ(co_await get(self, bob, "k"), "w");
    const auto again = co_await create_session(self, "ada");
    EXPECT_EQ(co_await get(self, again, "k"), "-");
  });
}

TEST(SessionStore, a_session_expires_when_it_was_not_used_and_not_before) {
  in_a_fresh_store([](Process& self) -> Async<> {
    const auto ada = co_await create_session(self, "ada", 50ms);
    self.monitor(ada.pid());
    const Duration used = self.monotonic_time();
    co_await call(self, ada, Session::Put{"k", "v"});
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
    EXPECT_GE(self.monotonic_time() - used, Duration{50ms});
    while (get_session("ada")) co_await self.yield();
    EXPECT_EQ(co_await get(self, co_await create_session(self, "ada"), "k"), "-");
  });
}

TEST(SessionStore, a_touch_postpones_the_end) {
  test::with_a_directory_on_every_seed([](Process& self, std::string where) -> Async<> {
    co_await start(self, where);
    const auto ada = co_await create_session(self, "ada");  // for an hour
    self.monitor(ada.pid());
    for (int i = 0; i < 3; ++i) {
      co_await self.sleep(59min);
      cast(ada, Session::Touch{});
    }
    const Duration touched = self.monotonic_time();
    EXPECT_TRUE((co_await self.receive<Down>()).reason.is_normal());
    EXPECT_GE(self.monotonic_time() - touched, Duration{1h});
  });
}

TEST(SessionStore, sessions_survive_a_restart_of_the_store) {
  test::with_a_directory_on_every_executor([](Process& self, std::string where) -> Async<> {
    for (const bool first : {true, false}) {
      const auto store = co_await start(self, where);
      const auto ada = co_await create_session(self, "../ada");  // an id is no file name
      if (first) co_await call(self, ada, Session::Put{"k", "v"});
      EXPECT_EQ(co_await get(self, ada, "k"), "v");
      co_await stop(self, store);
    }
  });
}

TEST(SessionStore, counts_creates_accesses_and_deletes) {
  in_a_fresh_store([](Process& self) -> Async<> {
    const auto ada = co_await create_session(self, "ada");
    co_await call(self, ada, Session::Put{"k", "v"});
    co_await get(self, ada, "k");
    co_await delete_session(self, "ada");
    auto stats = co_await call(self, named<Stats>("stats"), Stats::GetStats{});
    while (stats.accesses != 2) {  // the session's own casts may still be on the way
      stats = co_await call(self, named<Stats>("stats"), Stats::GetStats{});
    }
    EXPECT_EQ(stats.creates, 1);
    EXPECT_EQ(stats.deletes, 1);
    EXPECT_GT(stats.uptime, Duration::zero());
  });
}

}  // namespace
