// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How fast does one process hand out work, all of it at once, and take back the answers?
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Work {
  Pid from;
  std::int64_t number;
};
struct Result {
  std::int64_t number;
};

Async<> worker(Process& self) {
  while (true) {
    const auto [from, number] = co_await self.receive<Work>();
    send(from, Result{number});
  }
}

Async<> hand_out(Process& self, std::int64_t workers, std::int64_t total) {
  std::vector<Pid> all;
  for (std::int64_t i = 0; i < workers; ++i) all.push_back(spawn_link(worker));
  const std::string name = "fanout_" + std::to_string(workers);
  const Stopwatch watch;
  for (std::int64_t i = 0; i < total; ++i) {
    send(all[static_cast<std::size_t>(i % workers)], Work{self.pid(), i});
  }
  for (std::int64_t i = 0; i < total; ++i) co_await self.receive<Result>();
  print(name, "rate", watch.rate(total), "roundtrips/s");
  print(name, "peak_rss", peak_resident_bytes() / 1048576, "MiB");
}

void run(const Arguments& sizes) { in_runtime(hand_out, sizes[0], sizes[1]); }

}  // namespace

const Workload fan_out{"fanout", "WORKERS MESSAGES", "10 1000", run};

}  // namespace troupe::bench
