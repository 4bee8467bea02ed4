// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "beginners_mistakes.hpp"

using namespace beginners_mistakes;

int main() {
  return run([](Process& self) -> Async<> {
    const auto blocking = co_await Blocking::start_link(self);
    const auto delegating = co_await Delegating::start_link(self);
    const bool slow = co_await ping_while_working(self, blocking, 50ms) >= 50ms;
    // A busy machine may hold up a ping that waits for nobody, but not for as long as any work.
    bool fast = false;
    for (Duration work = 50ms; !fast && work < 10s; work *= 4) {
      fast = co_await ping_while_working(self, delegating, work) < work;
    }
    std::printf("blocking: a ping waits for the work: %s\n", slow ? "yes" : "no");
    std::printf("delegating: a ping waits for the work: %s\n", fast ? "no" : "yes");
    std::printf("a long sum that gives way: %ld\n", co_await sum_of_squares(self, 100'000));
  });
}
