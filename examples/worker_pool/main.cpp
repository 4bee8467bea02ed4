// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "worker_pool.hpp"

using namespace worker_pool;

Async<int> twice(Process& self, int n) {
  co_await self.sleep(20ms);
  co_return 2 * n;
}

int main() {
  return run([](Process& self) -> Async<> {
    const auto pool = co_await Pool::start_link(self, 3);
    std::vector<PendingReply<Outcome>> answers;
    for (int i = 1; i <= 10; ++i) {
      answers.push_back(send_request(self, pool, Pool::Execute{Job{twice, i}}));
    }
    for (auto& answer : answers) {
      const Outcome outcome = (co_await answer.response()).value();
      std::printf("%d by worker %d\n", outcome.result, outcome.worker_id);
    }
  });
}
