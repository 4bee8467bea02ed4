// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Two ways to learn that a process has ended: a monitor tells, once and one way; a link pulls the
// other side down with it, unless that side traps exits and takes the news as a message.
#include <cstdio>

#include <troupe/troupe.hpp>

using namespace troupe;

struct Stop {};

int main() {
  return run([](Process& self) -> Async<> {
    const Monitored watched = spawn_monitor([](Process& worker) -> Async<> {
      co_await worker.receive<Stop>();
      worker.exit(ExitReason::shutdown_with(Atom{"done"}));
    });
    send(watched.pid, Stop{});
    const Down down = co_await self.receive<Down>();
    std::printf("worker ended: %s\n", down.reason.to_string().c_str());

    self.trap_exits();
    spawn_link([](Process& worker) { worker.exit("boom"); });
    const Exit exit = co_await self.receive<Exit>();
    std::printf("linked worker took nobody along: %s\n", exit.reason.to_string().c_str());
  });
}
