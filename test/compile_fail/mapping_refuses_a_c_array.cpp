// expect: a struct with a C array cannot be mapped to a term
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// A C array takes the initialisers of several fields, so the fields cannot be counted.
#include <troupe/struct_term.hpp>

struct Matrix {
  double cells[4];
  int rank;
};

troupe::Term encode(const Matrix& matrix) { return troupe::to_term(matrix); }
