// expect: (compiles)
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// Shows that the other cases fail because of what they contain, not of how they are compiled.
#include <troupe/pid.hpp>

static_assert(!troupe::Pid{});
