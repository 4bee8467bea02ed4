// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How many processes a second can crash, with somebody told why? A thousand are alive at once.
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

void throws(Process&) { throw std::runtime_error{"boom"}; }
void exits(Process& self) { self.exit("boom"); }

Async<double> rate_of(Process& self, void (*body)(Process&), std::int64_t count) {
  const Stopwatch watch;
  std::int64_t alive = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (alive == 1'000) {
      co_await self.receive<Down>();
      --alive;
    }
    (void)spawn_monitor(body);
    ++alive;
  }
  for (; alive > 0; --alive) co_await self.receive<Down>();
  co_return watch.rate(count);
}

Async<> start(Process& self, std::int64_t count) {
  print("crash", "exit_rate", co_await rate_of(self, exits, count), "crashes/s");
  print("crash", "error_rate", co_await rate_of(self, throws, count), "crashes/s");
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0]); }

}  // namespace

const Workload crash{"crash", "CRASHES", "100", run};

}  // namespace troupe::bench
