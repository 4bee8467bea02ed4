// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A rate limiter with a process per client: each counts its own requests, and a timer opens the
// next window. A client nobody hears of for a while ends its process, which the course's forgets.
#include <cstdio>
#include <map>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

constexpr int limit = 2;
constexpr Duration window = 50ms;
constexpr Duration forget_after = 10s;

struct Request {
  Pid from;
};
struct Verdict {
  bool allowed;
};
struct WindowOver {};

Async<> client_limiter(Process& self) {
  int used = 0;
  while (co_await self.receive(
      [&](Request m) {
        if (used == 0) send_after(self.pid(), window, WindowOver{});
        send(m.from, Verdict{used < limit});
        if (used < limit) ++used;
        return true;
      },
      [&](WindowOver) {
        used = 0;
        return true;
      },
      after(forget_after, [] { return false; }))) {
  }
}

Async<bool> ask(Process& self, Pid limiter) {
  send(limiter, Request{self.pid()});
  const Verdict verdict = co_await self.receive<Verdict>();
  co_return verdict.allowed;
}

int main() {
  return run([](Process& self) -> Async<> {
    std::map<std::string, Pid> limiters{{"ada", spawn(client_limiter)},
                                        {"bob", spawn(client_limiter)}};
    for (const char* who : {"ada", "ada", "ada", "bob"}) {
      const bool allowed = co_await ask(self, limiters[who]);
      std::printf("%s: %s\n", who, allowed ? "allowed" : "refused");
    }
    co_await self.sleep(2 * window);
    const bool again = co_await ask(self, limiters["ada"]);
    std::printf("ada: %s\n", again ? "allowed again" : "still refused");
  });
}
