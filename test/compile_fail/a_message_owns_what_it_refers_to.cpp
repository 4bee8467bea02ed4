// expect: OwnsAllItRefersTo
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// The text may be gone when the receiver reads it.
#include <string_view>

#include <troupe/process.hpp>

struct Greet {
  std::string_view name;
};

void a_borrowed_text(troupe::Pid to) { troupe::send(to, Greet{"ann"}); }
