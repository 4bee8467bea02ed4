// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "supervision_tree/supervision_tree.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace supervision_tree;

template <class S>
Async<> crash_and_wait(Process& self, const char* name) {
  const Pid before = whereis(name);
  self.monitor(before);
  cast(named<S>(name), Break{});
  co_await self.receive<Down>();
  for (Pid now = before; !now || now == before; now = whereis(name)) co_await self.yield();
}

TEST(SupervisionTree, a_session_that_crashes_concerns_its_visitor_only) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    for (const char* who : {"ada", "bob", "eve"}) {
      const auto session = co_await visit(self, who);
      EXPECT_EQ(co_await call(self, session, LiveSession::Click{}), 1);
    }
    const auto ada = co_await visit(self, "ada");
    self.monitor(ada.pid());
    cast(ada, Break{});
    co_await self.receive<Down>();
    for (const char* who : {"bob", "eve"}) {
      EXPECT_EQ(co_await call(self, co_await visit(self, who), LiveSession::Click{}), 2);
    }
    EXPECT_EQ(co_await call(self, co_await visit(self, "ada"), LiveSession::Click{}), 1);
  });
}

TEST(SupervisionTree, the_cache_comes_back_empty_and_the_others_do_not_notice) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    const auto cache = named<Cache>("cache");
    co_await call(self, cache, Cache::Put{"a", "1"});
    const auto session = co_await visit(self, "ada");
    const Pid connection = whereis("connection_1");
    co_await crash_and_wait<Cache>(self, "cache");
    EXPECT_EQ(co_await call(self, cache, Cache::Get{"a"}), std::nullopt);
    EXPECT_EQ(whereis("connection_1"), connection);
    EXPECT_EQ(co_await call(self, session, LiveSession::Click{}), 1);
  });
}

TEST(SupervisionTree, the_database_pool_reconnects) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self);
    const Pid other = whereis("connection_2");
    co_await crash_and_wait<Connection>(self, "connection_1");
    EXPECT_EQ(co_await call(self, named<Connection>("connection_1"), Connection::Query{7}), 49);
    EXPECT_EQ(whereis("connection_2"), other);
  });
}

}  // namespace
