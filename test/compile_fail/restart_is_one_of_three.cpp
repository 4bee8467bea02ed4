// expect: function for call to
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// OTP refuses #{restart => sometimes} when the supervisor starts (conformance 158).
#include <troupe/supervisor.hpp>

void a_restart_type_that_does_not_exist(troupe::ChildSpec& child) { child.restart("sometimes"); }
