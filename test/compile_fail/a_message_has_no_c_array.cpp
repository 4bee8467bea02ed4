// expect: PlainStructOrEnabled
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// Its elements count as fields, so the check could not tell which field is which.
#include <troupe/process.hpp>

struct Greet {
  char name[8];
};

void a_c_array(troupe::Pid to) { troupe::send(to, Greet{"ann"}); }
