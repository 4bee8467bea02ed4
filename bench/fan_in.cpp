// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How fast does one process take what many send it without waiting?
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Go {};
struct Item {
  std::int64_t number;
};
struct Counted {};

Async<> counter(Process& self, Pid owner, std::int64_t total) {
  for (std::int64_t i = 0; i < total; ++i) co_await self.receive<Item>();
  send(owner, Counted{});
}

Async<> sender(Process& self, Pid to, std::int64_t count) {
  co_await self.receive<Go>();
  for (std::int64_t i = 0; i < count; ++i) send(to, Item{i});
}

Async<> start(Process& self, std::int64_t senders, std::int64_t total) {
  const std::int64_t each = total / senders;
  const std::string name = "fanin_" + std::to_string(senders);
  const double before = resident_bytes();
  const Pid to = spawn(counter, self.pid(), each * senders);
  std::vector<Pid> all;
  for (std::int64_t i = 0; i < senders; ++i) all.push_back(spawn(sender, to, each));
  const Stopwatch watch;
  for (const Pid pid : all) send(pid, Go{});
  co_await self.receive<Counted>();
  print(name, "rate", watch.rate(each * senders), "msgs/s");
  print(name, "peak_rss", (peak_resident_bytes() - before) / 1048576, "MiB");
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0], sizes[1]); }

}  // namespace

const Workload fan_in{"fanin", "SENDERS MESSAGES", "10 1000", run};

}  // namespace troupe::bench
