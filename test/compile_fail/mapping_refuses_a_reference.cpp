// expect: a struct with a reference member cannot be mapped to a term
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// A value that was read has nothing to refer to.
#include <troupe/struct_term.hpp>

struct View {
  int number;
  int& other;
};

troupe::Term encode(const View& view) { return troupe::to_term(view); }
