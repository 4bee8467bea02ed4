// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A message that fits no clause stays in the mailbox for ever and costs every later receive a look.
// `careless` is the course's mistake. Its cure drops what is unknown without a trace; the last
// clause of `careful` takes it and counts it, so that somebody can find out.
#pragma once

#include <troupe/troupe.hpp>

using namespace troupe;

namespace catch_all {

struct Known {
  Pid from;
};
struct Handled {
  int unknown;  // how many others have been discarded so far
};

inline Async<> careful(Process& self) {
  int unknown = 0;
  for (;;) {
    co_await self.receive([&](Known m) { send(m.from, Handled{unknown}); },
                          [&](Any) { ++unknown; });
  }
}

inline Async<> careless(Process& self) {
  for (;;) {
    const Known known = co_await self.receive<Known>();
    send(known.from, Handled{0});
  }
}

}  // namespace catch_all
