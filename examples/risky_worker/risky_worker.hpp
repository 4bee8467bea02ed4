// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Let it crash: a worker that fails now and then, under a supervisor that starts it again. The
// course's is only linked, so its first failure takes its parent down; ours is supervised, and says
// after each piece of work how it went.
#pragma once

#include <stdexcept>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace risky_worker {

enum class Outcome { completed, failed };

// A piece of work after each pause, of which three in ten fail and end this process.
inline Async<> worker(Process& self, Pid tell, Duration pause) {
  for (;;) {
    if (self.random() % 10 < 3) {
      send(tell, Outcome::failed);
      throw std::runtime_error("Random failure!");
    }
    send(tell, Outcome::completed);
    co_await self.sleep(pause);
  }
}

// One failure in three seconds on the average: the limit is far above that.
inline auto start(Process& self, Pid tell, Duration pause = 1s) {
  return Supervisor::start_link(self, children(child("worker", worker, tell, pause)),
                                {.max_restarts = 100, .max_seconds = 5s});
}

}  // namespace risky_worker
