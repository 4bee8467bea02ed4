// expect: a process body must not capture
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// The process lives on when whoever started it has gone.
#include <troupe/spawn.hpp>

void count_in_another_process() {
  int count = 0;
  troupe::spawn([&](troupe::Process&) { ++count; });
}
