// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What does a node cost that has many processes and nothing to do? Context switches and processor
// time while nothing is due.
#include <thread>

#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Stop {};

Async<> waiter(Process& self) { co_await self.receive<Stop>(); }

// SECONDS as in the peers; a third size gives milliseconds instead, for the tests.
void run(const Arguments& sizes) {
  Runtime runtime{options()};
  runtime.start();
  for (std::int64_t i = 0; i < sizes[0]; ++i) spawn(runtime, waiter);
  std::this_thread::sleep_for(std::chrono::milliseconds{500});
  const std::int64_t switches = context_switches();
  const double processor = processor_ms();
  const std::int64_t ms = sizes[2] ? sizes[2] : sizes[1] * 1'000;
  std::this_thread::sleep_for(std::chrono::milliseconds{ms});
  // This thread's own sleep is one of them.
  print("idle", "context_switches", static_cast<double>(context_switches() - switches - 1), "n");
  print("idle", "cpu", processor_ms() - processor, "ms");
}

}  // namespace

const Workload idle_node{"idle", "PROCESSES SECONDS", "100 0 50", run};

}  // namespace troupe::bench
