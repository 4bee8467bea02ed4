// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A monitor: one message when the watched process ends, with the reason, and no harm to the one who
// watches. The course's crashes as it prints the reason, because that of an exception is a tuple,
// and no text; here the reason says what was thrown.
#pragma once

#include <stdexcept>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace monitored_worker {

inline Async<> failing(Process& self) {
  co_await self.sleep(10ms);
  throw std::runtime_error("Something went wrong!");
}

// Runs a worker and says what it died of.
inline Async<std::string> run_worker(Process& self) {
  const auto [worker, ref] = spawn_monitor(failing);
  const Down down = co_await self.receive(
      when([ref](const Down& m) { return m.ref == ref; }, [](Down m) { return m; }));
  co_return "Process died: " + down.reason.exception()->text;
}

}  // namespace monitored_worker
