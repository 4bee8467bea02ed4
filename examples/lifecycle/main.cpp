// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "lifecycle.hpp"

using lifecycle::Teller;

int main() {
  return run([](Process& self) -> Async<> {
    const auto teller = co_await Teller::start_link(self, self.pid());
    cast(teller, Teller::SetValue{42});                                 // returns at once
    send(teller.pid(), Teller::Tick{});                                 // an ordinary message
    const int value = co_await call(self, teller, Teller::GetValue{});  // waits for the answer
    co_await stop(self, teller);
    while (auto step = co_await self.receive<std::string>(Duration::zero())) {
      std::printf("%s\n", step->c_str());
    }
    std::printf("the value was %d\n", value);
  });
}
