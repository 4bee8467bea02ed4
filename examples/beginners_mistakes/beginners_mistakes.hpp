// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Mistakes that the course warns of, each with its cure. A server that works inside its handler
// serves nobody meanwhile: `Blocking`; `Delegating` hands the work to a process of its own and
// answers when that is done. A loop that never waits holds its thread. (The mailbox that only grows
// is the example catch_all.)
#pragma once

#include <troupe/task.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace beginners_mistakes {

struct Work {
  Duration time;
  using Reply = void;
};
struct Ping {
  using Reply = void;
};

struct Blocking : GenServer<Blocking> {
  Async<> handle_call(Process& self, Work work) { co_await self.sleep(work.time); }
  void handle_call(Ping) {}
};

struct Delegating : GenServer<Delegating> {
  void handle_call(Process&, Work work, From<void> from) {
    spawn(
        [](Process& self, Work todo, From<void> asker) -> Async<> {
          co_await self.sleep(todo.time);
          reply(std::move(asker));
        },
        work, std::move(from));
  }
  void handle_call(Ping) {}
};

// How long a ping takes while the server works.
template <class Server>
Async<Duration> ping_while_working(Process& self, ServerRef<Server> server, Duration work) {
  auto working = send_request(self, server, Work{work});
  const Duration start = self.monotonic_time();
  co_await call(self, server, Ping{}, infinity);
  const Duration took = self.monotonic_time() - start;
  (void)co_await working.response(infinity);
  co_return took;
}

// A loop that never awaits holds its worker; this one gives way every thousand steps. It may be
// ended, and others run meanwhile.
inline Async<long> sum_of_squares(Process& self, long up_to) {
  long sum = 0;
  for (long i = 1; i <= up_to; ++i) {
    sum += i * i;
    if (i % 1'000 == 0) co_await self.yield();
  }
  co_return sum;
}

}  // namespace beginners_mistakes
