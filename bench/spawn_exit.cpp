// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How many processes that do nothing can be started, and end, in a second?
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

void nothing(Process&) {}

Async<> spawn_many(Process& self, std::int64_t count) {
  const Stopwatch watch;
  for (std::int64_t i = 0; i < count; ++i) spawn(nothing);
  // Over when the last one is gone; the node itself is the only one who knows without a message.
  while (self.runtime().process_count() > 1) co_await self.yield();
  print("spawn_exit", "rate", watch.rate(count), "procs/s");
}

void run(const Arguments& sizes) { in_runtime(spawn_many, sizes[0]); }

}  // namespace

const Workload spawn_exit{"spawn_exit", "PROCESSES", "1000", run};

}  // namespace troupe::bench
