// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How many calls a second does a GenServer answer to one client, and to many, and how long does
// each take?
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct EchoServer : GenServer<EchoServer> {
  struct Echo {
    std::int64_t value;
    using Reply = std::int64_t;
  };
  std::int64_t handle_call(Echo echo) { return echo.value; }
};

Async<> client(Process& self, ServerRef<EchoServer> server, std::int64_t count,
               SharedHistogram latency) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = now_ns();
    co_await call(self, server, EchoServer::Echo{i});
    latency->add(now_ns() - begin);
  }
}

Async<> start(Process& self, std::int64_t clients, std::int64_t total) {
  const std::string name = "call_" + std::to_string(clients);
  const auto server = co_await EchoServer::start(self);
  const auto latency = std::make_shared<Histogram>();
  const Stopwatch watch;
  for (std::int64_t i = 0; i < clients; ++i) {
    (void)spawn_monitor(client, server, total / clients, latency);
  }
  for (std::int64_t i = 0; i < clients; ++i) co_await self.receive<Down>();
  print(name, "rate", watch.rate(total / clients * clients), "calls/s");
  latency->print(name);
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0], sizes[1]); }

}  // namespace

const Workload calls{"call", "CLIENTS CALLS", "10 1000", run};

}  // namespace troupe::bench
