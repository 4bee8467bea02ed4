// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What does a small message that waits cost, in memory and in time to send?
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Never {};
struct Small {
  std::int64_t tag;
  std::int64_t number;
};

Async<> sleeper(Process& self) { co_await self.receive<Never>(); }

Async<> fill(Process& self, std::int64_t count) {
  const Pid to = spawn(sleeper);
  co_await self.sleep(std::chrono::milliseconds{20});
  co_await suspend(self, to);
  const double before = resident_bytes();
  const Stopwatch watch;
  for (std::int64_t i = 0; i < count; ++i) send(to, Small{1, i});
  const double rate = watch.rate(count);
  print("mbox", "bytes_per_msg", (resident_bytes() - before) / static_cast<double>(count), "bytes");
  print("mbox", "rate", rate, "msgs/s");
}

void run(const Arguments& sizes) { in_runtime(fill, sizes[0]); }

}  // namespace

const Workload mailbox{"mbox", "MESSAGES", "1000", run};

}  // namespace troupe::bench
