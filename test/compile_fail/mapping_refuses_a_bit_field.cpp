// expect: a struct with a bit-field cannot be mapped to a term
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// A bit-field has no address, and so no name that can be found out.
#include <troupe/struct_term.hpp>

struct Flags {
  unsigned low : 4;
  unsigned high : 4;
};

troupe::Term encode(const Flags& flags) { return troupe::to_term(flags); }
