// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The first processes: one that says something, one that hands over a result, one that waits for a
// word. The courses' print what they have to say, so that their lines come in any order, and who
// started them may be gone first; ours send it to whoever asked.
#pragma once

#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace spawning {

struct Result {
  int value;
};
struct Hello {
  std::string text;
};

inline void greet(Process&, Pid to) { send(to, "Hello from process!"); }

inline void add(Process&, int a, int b, Pid to) { send(to, Result{a + b}); }

inline Async<> receiver(Process& self, Pid to) {
  const Hello hello = co_await self.receive<Hello>();
  send(to, "Received: " + hello.text);
}

}  // namespace spawning
