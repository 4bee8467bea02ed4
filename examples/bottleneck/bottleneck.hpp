// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// One process that does all work itself is a bottleneck; one that hands each piece to a process of
// its own is not. The same hundred pieces of 10 ms through both, and how many times faster. The
// course asks the one piece by piece and the other a hundred times at once, and so measures the
// asking too; here both are asked at once.
#pragma once

#include <vector>

#include <troupe/task.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace bottleneck {

struct Work {
  Duration time;
  using Reply = void;
};

struct SingleProcess : GenServer<SingleProcess> {
  Async<> handle_call(Process& self, Work work) { co_await self.sleep(work.time); }
};

struct ConcurrentWork : GenServer<ConcurrentWork> {
  void handle_call(Work work, From<void> from) {
    spawn(
        [](Process& self, Work todo, From<void> asker) -> Async<> {
          co_await self.sleep(todo.time);
          reply(std::move(asker));
        },
        work, std::move(from));
  }
};

// How long all pieces take when they are asked for at once.
template <class Server>
Async<Duration> time_of(Process& self, ServerRef<Server> server, int pieces, Duration each) {
  const Duration start = self.monotonic_time();
  std::vector<TaskRef<void>> tasks;
  for (int i = 0; i < pieces; ++i) {
    tasks.push_back(Task::async(
        self,
        [](Process& me, ServerRef<Server> to, Duration time) -> Async<> {
          co_await call(me, to, Work{time}, infinity);
        },
        server, each));
  }
  for (const auto& task : tasks) co_await Task::await(self, task, infinity);
  co_return self.monotonic_time() - start;
}

}  // namespace bottleneck
