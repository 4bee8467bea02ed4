// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How fast does one message travel round a ring of processes?
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Token {
  std::int64_t hops_left;
};
struct Arrived {};

Async<> node(Process& self, Pid next) {
  while (true) {
    const auto [left] = co_await self.receive<Token>();
    send(next, Token{left - 1});
  }
}

Async<> first_node(Process& self, Pid owner) {
  const Pid next = co_await self.receive<Pid>();
  while (true) {
    const auto [left] = co_await self.receive<Token>();
    if (left <= 0) break;
    send(next, Token{left - 1});
  }
  send(owner, Arrived{});
}

Async<> build_and_start(Process& self, std::int64_t size, std::int64_t hops) {
  const Pid first = spawn(first_node, self.pid());
  Pid next = first;
  for (std::int64_t i = 1; i < size; ++i) next = spawn(node, next);
  send(first, next);
  const Stopwatch watch;
  send(first, Token{hops});
  co_await self.receive<Arrived>();
  print("ring_" + std::to_string(size), "rate", watch.rate(hops), "hops/s");
}

void run(const Arguments& sizes) { in_runtime(build_and_start, sizes[0], sizes[1]); }

}  // namespace

const Workload ring{"ring", "PROCESSES HOPS", "10 1000", run};

}  // namespace troupe::bench
