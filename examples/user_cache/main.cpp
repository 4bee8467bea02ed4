// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "user_cache.hpp"

using namespace user_cache;

int main() {
  return run([](Process& self) -> Async<> {
    co_await start(self);
    const auto one = co_await server_process(self, 1);
    std::printf("the same server for the same user: %s\n",
                one == co_await server_process(self, 1) ? "yes" : "no");
    std::printf("another for another user: %s\n",
                one == co_await server_process(self, 2) ? "no" : "yes");
    cast(one, UserServer::Update{.email = "user1@example.com"});
    const Profile profile = co_await call(self, one, UserServer::GetProfile{});
    std::printf("%d: %s <%s>\n", profile.user_id, profile.name.c_str(),
                profile.email.value_or("").c_str());
  });
}
