// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// How many pings a second when everybody talks to everybody, each answering while it waits?
#include <troupe/troupe.hpp>

#include "workloads.hpp"

namespace troupe::bench {

namespace {

struct Everybody {
  std::vector<Pid> pids;
};
struct Ping {
  Pid from;
};
struct Pong {};
struct Finished {};

Async<> player(Process& self, Pid owner, std::int64_t pings, std::uint64_t seed) {
  const auto [all] = co_await self.receive<Everybody>();
  std::uint64_t random = seed;
  std::int64_t left = pings;
  const auto ping_somebody = [&] {
    random = draw(random);
    send(all[random % all.size()], Ping{self.pid()});
  };
  ping_somebody();
  while (true) {
    co_await self.receive([&](Ping ping) { send(ping.from, Pong{}); },
                          [&](Pong) {
                            if (--left > 0) {
                              ping_somebody();
                            } else if (left == 0) {
                              send(owner, Finished{});
                            }
                          });
  }
}

Async<> start(Process& self, std::int64_t players, std::int64_t pings) {
  std::vector<Pid> all;
  for (std::int64_t i = 0; i < players; ++i) {
    all.push_back(
        spawn_link(player, self.pid(), pings, static_cast<std::uint64_t>(886'452 + i * 104'729)));
  }
  const Stopwatch watch;
  for (const Pid pid : all) send(pid, Everybody{all});
  for (std::int64_t i = 0; i < players; ++i) co_await self.receive<Finished>();
  print("big", "rate", watch.rate(players * pings), "pings/s");
}

void run(const Arguments& sizes) { in_runtime(start, sizes[0], sizes[1]); }

}  // namespace

const Workload big{"big", "PROCESSES PINGS_EACH", "10 100", run};

}  // namespace troupe::bench
