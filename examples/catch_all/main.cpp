// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "catch_all.hpp"

using namespace catch_all;

int main() {
  return run([](Process& self) -> Async<> {
    for (const auto body : {careless, careful}) {
      const Pid pid = spawn(body);
      for (int i = 0; i < 1'000; ++i) send(pid, i);
      send(pid, Known{self.pid()});
      co_await self.receive<Handled>();
      const auto info = co_await process_info(self, pid);
      std::printf("%s: %zu messages are left in the mailbox\n",
                  body == careful ? "with a catch-all" : "without", info->mailbox_length);
    }
  });
}
