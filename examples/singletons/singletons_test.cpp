// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "singletons/singletons.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace singletons;

Async<> request(Process&, int times) {
  for (int i = 0; i < times; ++i) cast(metrics(), Metrics::Count{"requests"});
  co_return;
}

TEST(Singletons, the_metrics_collector_counts_what_many_processes_tell_it) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self, {});
    for (int i = 0; i < 10; ++i) spawn_monitor(request, 100);
    for (int i = 0; i < 10; ++i) co_await self.receive<Down>();
    EXPECT_EQ(co_await call(self, metrics(), Metrics::GetCount{"requests"}), 1'000);
    cast(metrics(), Metrics::Observe{"latency", 2});
    cast(metrics(), Metrics::Observe{"latency", 4});
    const auto latency = co_await call(self, metrics(), Metrics::GetSummary{"latency"});
    EXPECT_EQ(latency.count, 2);
    EXPECT_EQ(latency.mean(), 3);
    EXPECT_EQ(latency.least, 2);
    EXPECT_EQ(latency.most, 4);
  });
}

TEST(Singletons, who_watches_a_setting_is_told_of_its_changes_only) {
  test::on_every_executor([](Process& self) -> Async<> {
    const Settings settings{{"a", "1"}, {"b", "2"}};
    co_await start(self, settings);
    co_await call(self, config(), Config::Watch{"a", self.pid()});
    co_await call(self, config(), Config::Set{"b", "3"});
    co_await call(self, config(), Config::Set{"a", "1"});  // no change
    co_await call(self, config(), Config::Set{"a", "9"});
    EXPECT_EQ((co_await self.receive<ConfigChanged>()).value, "9");
    EXPECT_FALSE(co_await self.receive<ConfigChanged>(Duration::zero()));
    EXPECT_EQ(co_await call(self, config(), Config::Get{"b"}), "3");
    EXPECT_EQ(co_await call(self, config(), Config::Get{"c"}), std::nullopt);
  });
}

}  // namespace
