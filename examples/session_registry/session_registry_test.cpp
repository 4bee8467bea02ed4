// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session_registry/session_registry.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace session_registry;

TEST(SessionRegistry, a_session_is_found_by_its_id_and_one_id_has_one_session) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await Registry::start_link(self, {.name = "sessions"});
    const auto first = co_await start(self, "worker_1", "ada");
    EXPECT_EQ(find("worker_1"), first.value());
    EXPECT_EQ(co_await call(self, find("worker_1"), Session::User{}), "ada");
    const auto second = co_await start(self, "worker_1", "bob");
    EXPECT_TRUE(!second && second.error().holder == first->pid());
  });
}

TEST(SessionRegistry, the_id_is_free_when_the_session_has_ended) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await Registry::start_link(self, {.name = "sessions"});
    const auto first = co_await start(self, "worker_1", "ada");
    co_await stop(self, first.value());
    const auto second = co_await start(self, "worker_1", "bob");
    EXPECT_TRUE(second.has_value());
    EXPECT_EQ(co_await call(self, find("worker_1"), Session::User{}), "bob");
  });
}

}  // namespace
