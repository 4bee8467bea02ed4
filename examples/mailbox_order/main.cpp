// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "mailbox_order.hpp"

int main() {
  return run([](Process& self) -> Async<> {
    const Pid reader = spawn(mailbox_order::reader, 3, self.pid());
    for (const char* text : {"first", "second", "third"}) send(reader, text);
    for (const std::string& text : co_await self.receive<std::vector<std::string>>()) {
      std::printf("%s\n", text.c_str());
    }
  });
}
