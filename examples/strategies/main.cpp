// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>
#include <utility>

#include "strategies.hpp"

using namespace strategies;

int main() {
  return run([](Process& self) -> Async<> {
    for (const auto& [strategy, name] : {std::pair{one_for_one, "one_for_one"},
                                         {one_for_all, "one_for_all"},
                                         {rest_for_one, "rest_for_one"}}) {
      const auto sup = co_await start(self, strategy);
      std::printf("%s", picture(name, co_await crash_the_second(self, sup)).c_str());
      co_await stop(self, sup);
    }
  });
}
