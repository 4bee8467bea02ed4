// expect: bool
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// Erlang refuses process_flag(trap_exit, maybe) when it runs (conformance 006).
#include <troupe/process.hpp>

void a_flag_that_is_no_truth_value(troupe::Process& self) {
  self.trap_exits(troupe::Atom{"maybe"});
}
