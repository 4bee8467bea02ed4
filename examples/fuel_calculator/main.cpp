// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "fuel_calculator.hpp"

using namespace fuel_calculator;

constexpr double earth = 9.807, moon = 1.62;

int main() {
  const Path apollo_11{{Direction::launch, earth},
                       {Direction::land, moon},
                       {Direction::launch, moon},
                       {Direction::land, earth}};
  std::printf("a function: %ld\n", calculate_fuel(28'801, apollo_11));
  return run(
      [](Process& self, Path path) -> Async<> {
        const auto cached = co_await Cached::start_link(self);
        for (int i = 0; i < 3; ++i) co_await call(self, cached, Calculate{28'801, path});
        std::printf("a cache: %d of 3 were there\n", co_await call(self, cached, Cached::Hits{}));
        const auto queue = co_await Queue::start_link(self);
        co_await call(self, queue, Queue::Watch{self.pid()});
        cast(queue, Queue::Enqueue{"Apollo 11", 28'801, path});
        const Mission seen = co_await self.receive<Mission>();
        std::printf("a watcher: %s needs %ld\n", seen.name.c_str(), seen.fuel);
        std::printf("a history: %zu mission\n",
                    (co_await call(self, queue, Queue::History{})).size());
      },
      apollo_11);
}
