// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How long does it take until an idle node has received a message from outside? One message every
// few milliseconds, so that everybody has gone to sleep in between.
#include <thread>

#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Sent {
  std::int64_t at_ns;
};

Async<> receiver(Process& self, SharedHistogram latency) {
  while (true) {
    const auto [at_ns] = co_await self.receive<Sent>();
    latency->add(now_ns() - at_ns);
  }
}

void run(const Arguments& sizes) {
  Runtime runtime{options()};
  runtime.start();
  const auto latency = std::make_shared<Histogram>();
  const Pid to = spawn(runtime, receiver, latency);
  const std::int64_t pause_ns = 1'000'000'000 / sizes[0];
  for (std::int64_t i = 0; i < sizes[1]; ++i) {
    std::this_thread::sleep_for(std::chrono::nanoseconds{pause_ns});
    send(to, Sent{now_ns()});
  }
  std::this_thread::sleep_for(std::chrono::milliseconds{20});
  latency->print("wake");
}

}  // namespace

const Workload wake_up{"wake", "MESSAGES_PER_SECOND MESSAGES", "1000 20", run};

}  // namespace troupe::bench
