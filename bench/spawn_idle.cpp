// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What does a process that waits cost, in resident memory and in time to start?
//
// Plain processes that wait for one type of message, and GenServers with an int as their state.
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Stop {};

Async<> waiter(Process& self) { co_await self.receive<Stop>(); }

struct Cell : GenServer<Cell> {
  struct Get {
    using Reply = int;
  };
  int handle_call(Get) { return value; }
  int value = 0;
};

void report(std::string_view workload, double before, std::int64_t count, double rate) {
  print(workload, "rss_per_proc", (resident_bytes() - before) / static_cast<double>(count),
        "bytes");
  print(workload, "rate", rate, "procs/s");
  // Without the orderly end of millions of processes, like the peers.
  std::_Exit(0);
}

Async<> wait_until_all_wait(Process& self) {
  // They were enqueued before this process comes back from the tail of the queue; on other workers
  // they may take a little longer.
  for (int i = 0; i < 10; ++i) co_await self.yield();
  co_await self.sleep(std::chrono::milliseconds{200});
}

Async<> start_waiters(Process& self, std::int64_t count) {
  const double before = resident_bytes();
  const Stopwatch watch;
  for (std::int64_t i = 0; i < count; ++i) {
    spawn(waiter);
    // Let them begin in between, as a preempted spawner would.
    if (i % 1000 == 999) co_await self.yield();
  }
  const double rate = watch.rate(count);
  co_await wait_until_all_wait(self);
  report("spawn_idle", before, count, rate);
}

Async<> start_servers(Process& self, std::int64_t count) {
  const double before = resident_bytes();
  const Stopwatch watch;
  for (std::int64_t i = 0; i < count; ++i) (void)co_await Cell::start(self);
  const double rate = watch.rate(count);
  co_await wait_until_all_wait(self);
  report("spawn_idle_gs", before, count, rate);
}

void run(const Arguments& sizes) { in_runtime(start_waiters, sizes[0]); }
void run_servers(const Arguments& sizes) { in_runtime(start_servers, sizes[0]); }

}  // namespace

const Workload spawn_idle{"spawn_idle", "PROCESSES", "1000", run};
const Workload spawn_idle_server{"spawn_idle_gs", "SERVERS", "1000", run_servers};

}  // namespace troupe::bench
