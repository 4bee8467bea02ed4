// expect: PlainStructOrEnabled
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// Structured bindings do not look into a base and its heir at once.
#include <troupe/process.hpp>

struct Event {
  int number;
};
struct Login : Event {
  int user;
};

void a_derived_one(troupe::Pid to) { troupe::send(to, Login{{1}, 2}); }
