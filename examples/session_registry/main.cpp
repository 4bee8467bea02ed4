// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "session_registry.hpp"

using namespace session_registry;

int main() {
  return run([](Process& self) -> Async<> {
    co_await Registry::start_link(self, {.name = "sessions"});
    co_await start(self, "worker_1", "ada");
    std::printf("worker_1 belongs to %s\n",
                (co_await call(self, find("worker_1"), Session::User{})).c_str());
    const auto again = co_await start(self, "worker_1", "bob");
    std::printf("a second worker_1: %s\n", again ? "started" : "refused, it is there already");
    std::printf("worker_2: %s\n", find("worker_2").pid() ? "there" : "nobody");
  });
}
