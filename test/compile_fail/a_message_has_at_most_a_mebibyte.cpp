// expect: put what is large behind a std::unique_ptr
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// Erlang copies messages of any size; here the value itself lies in one envelope.
#include <array>

#include <troupe/process.hpp>

struct Picture {
  std::array<char, (1 << 20) + 1> pixels;
};

void a_picture_by_value(troupe::Pid to) { troupe::send(to, Picture{}); }
