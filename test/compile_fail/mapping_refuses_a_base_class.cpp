// expect: a struct with a base class cannot be mapped to a term
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// Structured bindings do not reach into a base.
#include <troupe/struct_term.hpp>

struct Base {
  int number;
};
struct Derived : Base {
  int more;
};

troupe::Term encode(const Derived& derived) { return troupe::to_term(derived); }
