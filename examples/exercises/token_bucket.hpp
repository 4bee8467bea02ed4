// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 5.
#pragma once

#include <algorithm>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace exercises {

struct Take {
  Pid from;
};
struct Granted {
  bool yes;
};
struct Refill {};

// A limiter of another kind: a bucket that holds `size` tokens and gets one more every `interval`.
inline Async<> token_bucket(Process& self, int size, Duration interval) {
  int tokens = size;
  send_after(self.pid(), interval, Refill{});
  for (;;) {
    co_await self.receive(
        [&](Take m) {
          send(m.from, Granted{tokens > 0});
          tokens = std::max(0, tokens - 1);
        },
        [&](Refill) {
          tokens = std::min(size, tokens + 1);
          send_after(self.pid(), interval, Refill{});
        });
  }
}

}  // namespace exercises
