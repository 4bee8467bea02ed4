// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// What do messages that nobody wants cost those who wait for something else? Calls with a full
// mailbox and with an empty one; and a plain receive, which has to look at each.
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

struct Unwanted {
  std::int64_t number;
};
struct Ping {
  Pid from;
};
struct Pong {};

Async<> ponger(Process& self) {
  while (true) {
    const auto [from] = co_await self.receive<Ping>();
    send(from, Pong{});
  }
}

Async<double> rate_of_calls(Process& self, ServerRef<EchoServer> server, std::int64_t calls) {
  const Stopwatch watch;
  for (std::int64_t i = 0; i < calls; ++i) co_await call(self, server, EchoServer::Echo{i});
  co_return watch.rate(calls);
}

Async<> start(Process& self, std::int64_t unwanted, std::int64_t calls) {
  const auto server = co_await EchoServer::start(self);
  (void)co_await rate_of_calls(self, server, calls);
  print("selective", "rate_empty_mailbox", co_await rate_of_calls(self, server, calls), "calls/s");
  for (std::int64_t i = 0; i < unwanted; ++i) send(self.pid(), Unwanted{i});
  // The first wait takes them all out of the inbox, which is not what a call costs.
  (void)co_await rate_of_calls(self, server, 1);
  print("selective", "rate_marker", co_await rate_of_calls(self, server, calls), "calls/s");

  const Pid other = spawn_link(ponger);
  const std::int64_t receives = calls / 50 + 1;
  const Stopwatch watch;
  for (std::int64_t i = 0; i < receives; ++i) {
    send(other, Ping{self.pid()});
    co_await self.receive<Pong>();
  }
  print("selective", "rate_naive_receive", watch.rate(receives), "calls/s");
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0], sizes[1]); }

}  // namespace

const Workload selective{"selective", "UNWANTED CALLS", "1000 1000", run};

}  // namespace troupe::bench
