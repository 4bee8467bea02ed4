// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "ten_thousand_users.hpp"

using namespace ten_thousand_users;

int main() {
  return run([](Process& self) -> Async<> {
    const Pid everybody = spawn(hub);
    std::vector<Pid> users;
    for (int i = 0; i < 10'000; ++i) {
      send(everybody, Join{self.pid()});
      users.push_back((co_await self.receive<Joined>()).user);
    }
    std::printf("%lld users online\n", static_cast<long long>(co_await online(self, everybody)));
    send(everybody, Broadcast{"the market is open"});
    send(users[17], Crash{});
    while (co_await online(self, everybody) != 9'999) co_await self.yield();
    std::printf("one crashed, 9999 go on\n");
    std::size_t delivered = 0;
    for (std::size_t i = 0; i < users.size(); ++i) {
      std::size_t unread = 0;
      while (i != 17 && unread == 0) unread = co_await unread_of(self, users[i]);
      delivered += unread;
    }
    std::printf("%zu messages delivered\n", delivered);
  });
}
