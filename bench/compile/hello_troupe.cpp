// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include <troupe/troupe.hpp>

int main() {
  return troupe::run([](troupe::Process&) { std::puts("hello"); });
}
