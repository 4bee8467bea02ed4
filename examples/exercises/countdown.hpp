// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 1.
#pragma once

#include <troupe/troupe.hpp>

using namespace troupe;

namespace exercises {

// Sends each number from `from` down to 1, then 0, and ends.
inline Async<> countdown(Process&, int from, Pid to) {
  for (int n = from; n >= 0; --n) send(to, n);
  co_return;
}

}  // namespace exercises
