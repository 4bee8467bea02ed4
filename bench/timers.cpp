// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How fast can timers be set, and how late do a million of them fire?
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Due {
  std::int64_t at_ns;
};
struct AllCame {};

Async<> receiver(Process& self, Pid owner, std::int64_t count, SharedHistogram lateness) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto [at_ns] = co_await self.receive<Due>();
    lateness->add(now_ns() - at_ns);
  }
  send(owner, AllCame{});
}

Async<> start(Process& self, std::int64_t count, std::int64_t spread_ms) {
  const auto lateness = std::make_shared<Histogram>();
  const double processor_before = processor_ms();
  const Pid to = spawn(receiver, self.pid(), count, lateness);
  const Stopwatch watch;
  std::uint64_t random = 886'452;
  for (std::int64_t i = 0; i < count; ++i) {
    random = draw(random);
    const auto delay = static_cast<std::int64_t>(random) % spread_ms + 1;
    send_after(to, std::chrono::milliseconds{delay}, Due{now_ns() + delay * 1'000'000});
    // A program that sets a million timers serves others in between.
    if (i % 1'000 == 999) co_await self.yield();
  }
  print("timers", "set_rate", watch.rate(count), "timers/s");
  co_await self.receive<AllCame>();
  print("timers", "wall", watch.milliseconds(), "ms");
  print("timers", "cpu", processor_ms() - processor_before, "ms");
  lateness->print("timers");
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0], sizes[1]); }

}  // namespace

const Workload timers{"timers", "TIMERS SPREAD_MS", "1000 10", run};

}  // namespace troupe::bench
