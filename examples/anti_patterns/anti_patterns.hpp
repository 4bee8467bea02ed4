// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// What goes wrong when processes share, as far as the compiler lets one write it down, and the
// cure. The course's examples of it, a pointer, a reference or a shared map in a message, do not
// compile here (test/compile_fail), so the first are two that share without processes; the cure is
// the same: one process owns the state.
#pragma once

#include <string>
#include <vector>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace anti_patterns {

// Anti-pattern: read, then write, with others in between. The step between shows what a race may do
// at any time, so that it happens every time.
struct SharedCounter {
  int value = 0;
  int read() const { return value; }
  void write(int v) { value = v; }
};
inline int two_that_share() {
  SharedCounter counter;
  const int seen_by_one = counter.read();
  const int seen_by_other = counter.read();
  counter.write(seen_by_one + 1);
  counter.write(seen_by_other + 1);
  return counter.value;  // one increment is lost
}

// Cure: the state has an owner, and a step that must not be torn is one message.
struct OwnedCounter : GenServer<OwnedCounter> {
  struct Increment {
    using Reply = int;
  };
  int handle_call(Increment) { return ++value_; }

 private:
  int value_ = 0;
};

// Anti-pattern: one process for everything, so that nothing runs while something does, and the
// crash of one customer's order is everybody's. Cure: a process for each; the god process only
// finds them.
struct GodProcess : GenServer<GodProcess> {
  struct Handle {
    std::string customer;
    using Reply = std::size_t;
  };
  std::size_t handle_call(Handle m) {
    if (m.customer.empty()) throw std::invalid_argument("no customer");
    return ++handled_;
  }

 private:
  std::size_t handled_ = 0;
};
inline Async<> order(Process&, std::string customer, Pid tell) {
  if (customer.empty()) throw std::invalid_argument("no customer");
  send(tell, customer);
  co_return;
}

}  // namespace anti_patterns
