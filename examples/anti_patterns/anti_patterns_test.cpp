// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "anti_patterns/anti_patterns.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace anti_patterns;

TEST(AntiPatterns, who_shares_loses_an_increment_and_who_owns_does_not) {
  EXPECT_EQ(two_that_share(), 1);
  test::on_every_executor([](Process& self) -> Async<> {
    const auto counter = co_await OwnedCounter::start_link(self);
    for (int i = 0; i < 2; ++i) {
      spawn_monitor(
          [](Process& me, ServerRef<OwnedCounter> to) -> Async<> {
            for (int j = 0; j < 500; ++j) co_await call(me, to, OwnedCounter::Increment{});
          },
          counter);
    }
    for (int i = 0; i < 2; ++i) co_await self.receive<Down>();
    EXPECT_EQ(co_await call(self, counter, OwnedCounter::Increment{}), 1'001);
  });
}

TEST(AntiPatterns, one_process_for_everything_falls_over_one_customer) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto god = co_await GodProcess::start(self);
    EXPECT_EQ(co_await call(self, god, GodProcess::Handle{"ada"}), 1u);
    EXPECT_FALSE(co_await try_call(self, god, GodProcess::Handle{""}));
    EXPECT_FALSE(co_await try_call(self, god, GodProcess::Handle{"bob"}));
  });
}

TEST(AntiPatterns, a_process_for_each_does_not) {
  test::on_every_executor([](Process& self) -> Async<> {
    for (const char* who : {"ada", "", "bob"}) spawn_monitor(order, std::string{who}, self.pid());
    int crashed = 0;
    for (int i = 0; i < 3; ++i) crashed += !(co_await self.receive<Down>()).reason.is_normal();
    EXPECT_EQ(crashed, 1);
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(co_await self.receive<std::string>(Duration::zero()));
  });
}

}  // namespace
