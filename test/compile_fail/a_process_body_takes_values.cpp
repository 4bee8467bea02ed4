// expect: a process body takes its arguments by value
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// The reference would outlive what it refers to.
#include <string>

#include <troupe/spawn.hpp>

troupe::Async<> greeter(troupe::Process&, const std::string&) { co_return; }

void greet() { troupe::spawn(greeter, std::string{"ann"}); }
