// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "connection_tracker.hpp"

using namespace connection_tracker;

Async<> connection(Process& self) { co_await self.receive<int>(); }

int main() {
  return run([](Process& self) -> Async<> {
    const auto tracker = co_await Tracker::start_link(self);
    const Pid first = spawn(connection);
    const Pid second = spawn(connection);
    co_await call(self, tracker, Tracker::Connect{first, {"u1", "Ada"}});
    std::printf("%zu connected\n",
                co_await call(self, tracker, Tracker::Connect{second, {"u2", "Bob"}}));
    exit(second, "line cut");
    while (co_await call(self, tracker, Tracker::GetCount{}) != 1) co_await self.yield();
    std::printf("a line was cut: 1 connected\n");
    std::printf("u1 is %s\n", (co_await call(self, tracker, Tracker::GetUser{"u1"}))->name.c_str());
  });
}
