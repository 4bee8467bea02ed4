// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The program in README.md.
#include <cstdio>
#include <stdexcept>

#include <troupe/troupe.hpp>

using namespace troupe;

struct Increment {
  int by;
  using Reply = int;
};
struct Break {};

struct Counter : GenServer<Counter> {
  int handle_call(Increment m) { return value += m.by; }
  void handle_cast(Break) { throw std::runtime_error("broken on purpose"); }
  int value = 0;
};

int main() {
  return run([](Process& self) -> Async<> {
    co_await Supervisor::start_link(self, children(child<Counter>().named("counter")));
    auto counter = named<Counter>("counter");  // looked up at each use: it survives a restart
    std::printf("%d\n", co_await call(self, counter, Increment{5}));
    std::printf("%d\n", co_await call(self, counter, Increment{2}));
    const Pid before = counter.pid();
    cast(counter, Break{});  // ends that one process, and its supervisor starts a fresh one
    for (Pid now = before; !now || now == before; now = counter.pid()) co_await self.yield();
    std::printf("after the crash: %d\n", co_await call(self, counter, Increment{1}));
  });
}
