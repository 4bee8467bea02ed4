// expect: this server has no public handle_call that takes this message
// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.

// In Erlang this ends the server when it runs.
#include <troupe/gen_server.hpp>

struct Counter : troupe::GenServer<Counter> {
  struct Get {
    using Reply = int;
  };
  struct Reset {
    using Reply = int;
  };
  int handle_call(Get) { return 0; }
};

troupe::Async<> ask(troupe::Process& self, troupe::ServerRef<Counter> counter) {
  (void)co_await troupe::call(self, counter, Counter::Reset{});
}
