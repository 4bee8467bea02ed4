// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "risky_worker/risky_worker.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace risky_worker;

TEST(RiskyWorker, completes_work_on_every_executor) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await start(self, self.pid(), 1ms);
    int completed = 0;
    while (completed < 5) completed += co_await self.receive<Outcome>() == Outcome::completed;
  });
}

TEST(RiskyWorker, works_on_after_each_failure) {
  test::on_every_seed([](Process& self) -> Async<> {
    co_await start(self, self.pid());
    int failed = 0;
    for (int i = 0; i < 200; ++i) failed += co_await self.receive<Outcome>() == Outcome::failed;
    EXPECT_GT(failed, 0);
    EXPECT_LT(failed, 150);
  });
}

}  // namespace
