// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "cast_or_call.hpp"

using cast_or_call::Sum;

int main() {
  return run([](Process& self) -> Async<> {
    const auto sum = co_await Sum::start(self);
    cast(sum, Sum::Add{10});
    cast(sum, Sum::Add{20});
    std::printf("after two casts: %d\n", co_await call(self, sum, Sum::GetTotal{}));
    co_await call(self, sum, Sum::Add{30});
    std::printf("after a call: %d\n", co_await call(self, sum, Sum::GetTotal{}));
    co_await stop(self, sum);
    cast(sum, Sum::Add{40});
    std::printf("a cast to a dead server: nothing happens\n");
    const auto answer = co_await try_call(self, sum, Sum::Add{50});
    std::printf("a call to a dead server: %s\n", answer ? "done" : "an error");
  });
}
