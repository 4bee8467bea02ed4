// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/troupe.hpp>

using namespace troupe;

struct Counter : GenServer<Counter> {
  struct Get {
    using Reply = int;
  };
  struct IncrementBy {
    int amount;
    using Reply = int;
  };
  struct Increment {};

  int handle_call(Get) { return value; }
  int handle_call(IncrementBy m) { return value += m.amount; }
  void handle_cast(Increment) { ++value; }

  int value = 0;
};

int main() {
  return run([](Process& self) -> Async<int> {
    const auto counter = co_await Counter::start_link(self);
    cast(counter, Counter::Increment{});
    co_return co_await call(self, counter, Counter::IncrementBy{5}) == 6 ? 0 : 1;
  });
}
