// expect: no matching function for call to
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// Erlang refuses send_after(Pid, X, 1.5) when it runs (conformance 095).
#include <chrono>

#include <troupe/timer.hpp>

void a_delay_in_floating_point(troupe::Pid to) {
  troupe::send_after(to, std::chrono::duration<double, std::milli>{1.5}, 1);
}
