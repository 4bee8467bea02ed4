// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>
#include <cstdlib>

#include "email_worker.hpp"

using namespace email_worker;

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: example_email_worker PORT   (of an SMTP server on 127.0.0.1)\n");
    return 2;
  }
  const net::Address server{"127.0.0.1", static_cast<std::uint16_t>(std::atoi(argv[1]))};
  return run(
      [](Process& self, net::Address to) -> Async<int> {
        co_await Supervisor::start_link(self,
                                        children(child<EmailWorker>(to).named("email_worker")));
        send_email("user@example.com", "Hello", "World\n.\n..and a line with dots");
        send_email("not an address", "Hello", "nobody");
        std::printf("both are on their way\n");
        EmailWorker::Counts counts;
        do {
          co_await self.sleep(10ms);
          counts = co_await call(self, named<EmailWorker>("email_worker"), EmailWorker::GetCounts{},
                                 infinity);
        } while (counts.waiting != 0);
        std::printf("delivered %zu, failed %zu\n", counts.delivered, counts.failed);
        co_return 0;
      },
      server);
}
