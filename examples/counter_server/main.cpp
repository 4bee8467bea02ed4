// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A supervised, named counter: casts, a call typed by its message, a crash, and the restart. The
// README shows this program.
#include <cstdio>
#include <stdexcept>

#include <troupe/troupe.hpp>

using namespace troupe;

struct Counter : GenServer<Counter> {
  struct Get {
    using Reply = int;
  };
  struct IncrementBy {
    int n;
    using Reply = int;
  };
  struct Break {};

  explicit Counter(int start) : value{start} {}
  int handle_call(Get) { return value; }
  int handle_call(IncrementBy m) { return value += m.n; }
  void handle_cast(Break) { throw std::runtime_error("broken on purpose"); }

  int value;
};

int main() {
  return run([](Process& self) -> Async<int> {
    co_await Supervisor::start_link(self, children(child<Counter>(10).named("counter")));
    auto counter = named<Counter>("counter");  // looked up at each use: it survives a restart
    int n = co_await call(self, counter, Counter::IncrementBy{5});
    std::printf("counted to %d\n", n);  // 15
    auto watched = self.monitor("counter");
    cast(counter, Counter::Break{});  // crashes; the supervisor starts a fresh one
    co_await self.receive([&](Down down) { return down.ref == watched; });
    while (!whereis("counter")) co_await self.yield();
    n = co_await call(self, counter, Counter::Get{});
    std::printf("after the crash: %d\n", n);  // 10
    co_return n == 10 ? 0 : 1;
  });
}
