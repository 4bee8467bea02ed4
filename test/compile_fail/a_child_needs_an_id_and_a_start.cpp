// expect: no matching function for call to
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// OTP refuses a specification without id or start when the supervisor starts (conformance 158).
#include <troupe/supervisor.hpp>

troupe::ChildSpec a_child_that_is_nothing() { return troupe::child("a"); }
