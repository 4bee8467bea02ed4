// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "publish_subscribe.hpp"

using namespace publish_subscribe;

Async<> listener(Process& self, std::string name, Pid to) {
  const Notification news = co_await self.receive<Notification>();
  send(to, name + " heard: " + news.message);
}

int main() {
  return run([](Process& self) -> Async<> {
    const Pid news = spawn(hub);
    for (const char* name : {"ada", "bob"}) {
      send(news, Subscribe{spawn(listener, std::string{name}, self.pid())});
      send(news, Publish{std::string{"welcome, "} + name});
      std::printf("%s\n", (co_await self.receive<std::string>()).c_str());
    }
    while (co_await count(self, news) != 0) co_await self.yield();
    std::printf("both are gone, and nobody is on the list\n");
  });
}
