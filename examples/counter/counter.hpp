// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A counter as a process: the count is a variable of its body, so nobody else can touch it and no
// lock is needed. The course's answers every increment, and a caller that does not read the answers
// fills its mailbox with them; here only a question is answered.
#pragma once

#include <troupe/troupe.hpp>

using namespace troupe;

namespace counter {

struct Increment {};
struct Get {
  Pid from;
};
struct Count {
  int value;
};

inline Async<> counter(Process& self, int count) {
  for (;;) {
    co_await self.receive([&](Increment) { ++count; }, [&](Get m) { send(m.from, Count{count}); });
  }
}

inline Async<int> count_of(Process& self, Pid counter) {
  send(counter, Get{self.pid()});
  const Count answer = co_await self.receive<Count>();
  co_return answer.value;
}

}  // namespace counter
