// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// Does a monitor cost more when its owner has many? One process monitors N others, all of which
// end; the cost of a monitor and its DOWN.
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Stop {};

Async<> waiter(Process& self) { co_await self.receive<Stop>(); }

Async<> start(Process& self, std::int64_t count) {
  constexpr int rounds = 5;
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Pid> all;
    for (std::int64_t i = 0; i < count; ++i) all.push_back(spawn(waiter));
    co_await self.yield();
    const Stopwatch watch;
    for (const Pid pid : all) self.monitor(pid);
    for (const Pid pid : all) send(pid, Stop{});
    for (std::int64_t i = 0; i < count; ++i) co_await self.receive<Down>();
    const double rate = watch.rate(count);
    if (rate > best) best = rate;
  }
  print("monitors_" + std::to_string(count), "cost", 1e6 / best, "us");
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0]); }

}  // namespace

const Workload monitors{"monitors", "PROCESSES", "100", run};

}  // namespace troupe::bench
