// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "tasks.hpp"

using namespace tasks;

int main() {
  return run([](Process& self) -> Async<> {
    auto task = Task::async(self, slow_work, Duration{100ms}, std::string{"Async work completed"});
    std::printf("Doing other work...\n");
    std::printf("%s\n", (co_await Task::await(self, task)).c_str());
    for (const std::string& result : co_await five_at_once(self)) {
      std::printf("%s\n", result.c_str());
    }
  });
}
