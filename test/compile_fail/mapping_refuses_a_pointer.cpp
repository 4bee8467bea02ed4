// expect: a pointer or reference cannot be mapped to a term
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// Who would own what a pointer that was read points to?
#include <troupe/struct_term.hpp>

struct Node {
  int value;
  Node* next;
};

troupe::Term encode(const Node& node) { return troupe::to_term(node); }
