// expect: no constructor of this server takes these start arguments
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// In Erlang the child crashes in its init.
#include <string>

#include <troupe/gen_server.hpp>

struct Counter : troupe::GenServer<Counter> {
  explicit Counter(int) {}
};

troupe::Async<> begin(troupe::Process& self) {
  (void)co_await Counter::start_link(self, std::string{"ten"});
}
