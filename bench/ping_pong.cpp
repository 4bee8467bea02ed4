// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How many times a second can two processes send each other a message and wait for the answer?
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

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

Async<> pinger(Process& self, std::int64_t rounds) {
  const Pid other = spawn_link(ponger);
  const Stopwatch watch;
  for (std::int64_t i = 0; i < rounds; ++i) {
    send(other, Ping{self.pid()});
    co_await self.receive<Pong>();
  }
  print("pingpong", "rate", watch.rate(rounds), "roundtrips/s");
}

void run(const Arguments& sizes) { in_runtime(pinger, sizes[0]); }

}  // namespace

const Workload ping_pong{"pingpong", "ROUNDS", "1000", run};

}  // namespace troupe::bench
