// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "worker_pool/worker_pool.hpp"

#include <gtest/gtest.h>

#include "support/on_every_executor.hpp"

namespace {

using namespace worker_pool;

Async<int> twice(Process& self, int n) {
  co_await self.sleep(100ms);
  co_return 2 * n;
}
Async<int> twice_at_once(Process&, int n) { co_return 2 * n; }

TEST(WorkerPool, workers_take_turns_and_answer_twice_the_number) {
  test::on_every_executor([](Process& self) -> Async<> {
    const auto pool = co_await Pool::start_link(self, 3);
    for (int i = 1; i <= 10; ++i) {
      const Outcome outcome = co_await call(self, pool, Pool::Execute{Job{twice_at_once, i}});
      EXPECT_EQ(outcome.result, 2 * i);
      EXPECT_EQ(outcome.worker_id, 1 + (i - 1) % 3);
    }
  });
}

TEST(WorkerPool, ten_jobs_on_three_workers_take_four_rounds) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto pool = co_await Pool::start_link(self, 3);
    const Duration start = self.monotonic_time();
    std::vector<PendingReply<Outcome>> answers;
    for (int i = 1; i <= 10; ++i) {
      answers.push_back(send_request(self, pool, Pool::Execute{Job{twice, i}}));
    }
    for (int i = 1; i <= 10; ++i) {
      const auto answer = co_await answers[static_cast<std::size_t>(i - 1)].response();
      EXPECT_EQ(answer.value().result, 2 * i);
    }
    const Duration took = self.monotonic_time() - start;
    EXPECT_GE(took, Duration{400ms});
    EXPECT_LT(took, Duration{600ms});  // in the course's pool: a second
  });
}

TEST(WorkerPool, every_worker_gets_its_share) {
  test::on_every_seed([](Process& self) -> Async<> {
    const auto pool = co_await Pool::start_link(self, 3);
    for (int i = 0; i < 9; ++i) co_await call(self, pool, Pool::Execute{Job{twice, i}});
    for (const auto& worker : co_await call(self, pool, Pool::Workers{})) {
      EXPECT_EQ(co_await call(self, worker, Worker::Completed{}), 3);
    }
  });
}

}  // namespace
