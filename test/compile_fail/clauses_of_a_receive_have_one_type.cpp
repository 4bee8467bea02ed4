// expect: the clauses of a receive return values of one type
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// A receive is an expression, and has one type.
#include <string>

#include <troupe/process.hpp>

troupe::Async<> confused(troupe::Process& self) {
  (void)co_await self.receive([](int n) { return n; },
                              [](std::string) { return std::string{"text"}; });
}
