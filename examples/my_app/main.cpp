// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "my_app.hpp"

int main() {
  return run([](Process& self) -> Async<> {
    co_await ApplicationController::start_link(self);
    (void)co_await ApplicationController::load(self, my_app::application(self.pid()));
    (void)co_await ApplicationController::start(self, "my_app");
    const auto port = co_await ApplicationController::get_env(self, "my_app", Atom{"port"});
    std::printf("my_app runs, its port is %s\n", to_erlang(*port).c_str());
    (void)co_await ApplicationController::stop(self, "my_app");
    while (auto step = co_await self.receive<std::string>(Duration::zero())) {
      std::printf("%s\n", step->c_str());
    }
  });
}
