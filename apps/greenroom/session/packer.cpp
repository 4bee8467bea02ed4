// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/packer.hpp"

#include "session/session_server.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// A full queue in half the time that its sessions wait, and a tenth of one core.
constexpr std::size_t at_once = 500;
constexpr Duration pause = 10ms;

}  // namespace

Async<> packer(Process& self, HouseRef house) {
  while (true) {
    const std::optional<Duration> due = house->packing.next_due();
    if (!due) {
      (void)co_await self.receive<PackingWanted>();
      continue;
    }
    const Duration now = self.monotonic_time();
    if (*due > now) {
      co_await self.sleep(*due - now);
      continue;
    }
    for (const Pid session : house->packing.take_due(now, at_once)) {
      send(session, SessionServer::PackAgain{});
    }
    co_await self.sleep(pause);
  }
}

}  // namespace greenroom
