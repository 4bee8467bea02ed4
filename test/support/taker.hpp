// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/agent.hpp>
#include <troupe/gen_server.hpp>

namespace troupe::test {

struct Born {
  Pid pid;
  Duration when;
};
struct Took {
  int number;
};

// A child for the tests of restarts: tells of its birth and of every number it takes; fails of
// negative ones. With an agent it does not start, so many times as the agent says.
struct Taker : GenServer<Taker> {
  struct Number {
    int value;
  };
  struct Plain {
    int value;
  };
  struct Ask {
    using Reply = int;
  };
  using Info = troupe::Messages<Plain>;

  explicit Taker(Process& self, Pid tell, ServerRef<Agent<int>> failures = {})
      : tell_{tell}, failures_{failures} {
    send(tell_, Born{self.pid(), self.monotonic_time()});
  }
  Async<> init(Process& self) {
    if (!failures_.pid()) co_return;
    const int left = co_await Agent<int>::get_and_update(self, failures_,
                                                         [](int& n) { return n > 0 ? n-- : 0; });
    if (left > 0) throw ErrorException{Atom{"stillborn"}};
  }
  void take(int value) {
    if (value < 0) throw ErrorException{Atom{"boom"}};
    send(tell_, Took{value});
  }
  void handle_cast(Number m) { take(m.value); }
  void handle_info(Plain m) { take(m.value); }
  int handle_call(Ask) { return 1; }

 private:
  Pid tell_;
  ServerRef<Agent<int>> failures_;
};

inline ServerRef<Taker> taker() { return named<Taker>("taker"); }

}  // namespace troupe::test
