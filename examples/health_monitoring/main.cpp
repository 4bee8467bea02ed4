// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "health_monitoring.hpp"

using namespace health_monitoring;

int main() {
  return run([](Process& self) -> Async<> {
    const auto sup = co_await Supervisor::start_link(
        self, children(child<Worker>().named("worker")), {.max_restarts = 10});
    const auto monitor = co_await Monitor::start_link(self, sup);
    for (std::size_t n = 0; n <= too_often; ++n) {
      std::printf("%zu restarts: %s\n", n,
                  name_of(co_await call(self, monitor, Monitor::Check{"worker"})));
      cast(named<Worker>("worker"), Worker::Crash{});
      while (co_await call(self, monitor, Monitor::Restarts{"worker"}) == n) {
        co_await self.yield();
      }
    }
  });
}
