// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How late are others when processes compute without ever giving way? Pairs that ping each other on
// a fixed schedule, every 10 ms, beside loops that never await.
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Ping {
  Pid from;
};
struct Pong {};

constexpr std::int64_t period_ns = 10'000'000;

Async<> ponger(Process& self) {
  while (true) {
    const auto [from] = co_await self.receive<Ping>();
    send(from, Pong{});
  }
}

// `latency` counts from the ping, `lateness` from when it should have been sent: a runtime that
// does not serve anybody for a second sends nothing late otherwise.
Async<> pinger(Process& self, Pid other, std::int64_t first_ns, std::int64_t end_ns,
               SharedHistogram latency, SharedHistogram lateness) {
  for (std::int64_t next = first_ns; next < end_ns; next += period_ns) {
    const std::int64_t wait = next - now_ns();
    if (wait > 0) co_await self.sleep(Duration{wait});
    const std::int64_t begin = now_ns();
    send(other, Ping{self.pid()});
    co_await self.receive<Pong>();
    const std::int64_t end = now_ns();
    latency->add(end - begin);
    lateness->add(end - next);
  }
}

void hog(Process&, std::int64_t until_ns) {
  volatile std::uint64_t number = 0;
  while (now_ns() < until_ns) {
    for (int i = 0; i < 10'000; ++i) number = (number * 3 + 1) & 0xff'ffff;
  }
}

Async<> start(Process& self, std::int64_t hogs, std::int64_t pairs, std::int64_t milliseconds) {
  const std::string name = "fairness_hogs" + std::to_string(hogs);
  const auto latency = std::make_shared<Histogram>();
  const auto lateness = std::make_shared<Histogram>();
  const std::int64_t begin = now_ns() + 20'000'000;
  const std::int64_t end = begin + milliseconds * 1'000'000;
  for (std::int64_t i = 0; i < hogs; ++i) spawn(hog, end + period_ns);
  for (std::int64_t i = 0; i < pairs; ++i) {
    const Pid other = spawn(ponger);
    (void)spawn_monitor(pinger, other, begin + i * period_ns / pairs, end, latency, lateness);
  }
  for (std::int64_t i = 0; i < pairs; ++i) co_await self.receive<Down>();
  print(name, "expected", static_cast<double>(pairs * milliseconds / 10), "n");
  latency->print(name);
  lateness->print(name, "late_");
}

// SECONDS as in the peers; a fourth size gives milliseconds instead, for the tests.
void run(const Arguments& sizes) {
  in_runtime(start, sizes[0], sizes[1], sizes[3] ? sizes[3] : sizes[2] * 1'000);
}

}  // namespace

const Workload fairness{"fairness", "HOGS PAIRS SECONDS", "0 10 0 50", run};

}  // namespace troupe::bench
