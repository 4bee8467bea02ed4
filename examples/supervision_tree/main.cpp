// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "supervision_tree.hpp"

using namespace supervision_tree;

int main() {
  return run([](Process& self) -> Async<> {
    const auto app = co_await start(self);
    std::printf("app\n%s", (co_await draw(self, app.pid(), "  ")).c_str());
    for (const char* who : {"ada", "bob", "eve"}) co_await visit(self, who);
    const auto ada = co_await visit(self, "ada");
    self.monitor(ada.pid());
    cast(ada, Break{});
    co_await self.receive<Down>();
    const auto bob = co_await visit(self, "bob");
    std::printf("ada's session crashed; bob's counts on: %d\n",
                co_await call(self, bob, LiveSession::Click{}));
    const auto again = co_await visit(self, "ada");
    std::printf("ada has a fresh one: %d\n", co_await call(self, again, LiveSession::Click{}));
  });
}
