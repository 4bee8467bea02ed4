// expect: HasAtMost32Fields
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// The check looks into every field, and structured bindings are spelt out up to 32.
#include <troupe/process.hpp>

struct Wide {
  int a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20,
      a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33;
};

void a_wide_one(troupe::Pid to) { troupe::send(to, Wide{}); }
