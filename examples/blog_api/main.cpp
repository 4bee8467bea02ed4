// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>
#include <cstdlib>

#include "routes.hpp"

// example_blog_api [PORT]: serves the blog on 127.0.0.1 until it is interrupted.
int main(int argc, char** argv) {
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
  return run(
      [](Process& self, std::uint16_t on) -> Async<> {
        co_await Supervisor::start_link(self, children(blog_api::services()));
        const http::ServerOptions options{.listen = {"127.0.0.1", on}};
        const auto server = co_await http::start_link(self, options, blog_api::routes());
        if (!server) self.exit(server.error());
        std::printf("the blog listens on http://127.0.0.1:%d\n",
                    co_await http::listening_port(self, *server));
        std::fflush(stdout);
        co_await self.sleep(infinity);
      },
      port);
}
