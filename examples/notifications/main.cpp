// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <cstdio>

#include "notifications.hpp"

using namespace notifications;

// Prints what it is to transmit; the first text to each user is lost on the way.
struct Terminal : GenServer<Terminal> {
  using Messages = troupe::Messages<Transmit>;
  bool handle_call(Transmit m) {
    if (seen_[m.user]++ == 0) return false;
    std::printf("to %s: %s\n", m.user.c_str(), m.text.c_str());
    return true;
  }
  std::map<std::string, int> seen_;
};

int main() {
  return run([](Process& self) -> Async<> {
    co_await Terminal::start_link(self, {.name = "terminal"});
    co_await start(self, "terminal");
    co_await call(self, named<Templates>("templates"),
                  Templates::Define{"welcome", "Hello {{name}}, your code is {{code}}."});
    const auto sent = co_await notify(
        self, {"n1", "ada", "welcome", {{"name", "Ada"}, {"code", "42"}}, {Channel::sms}});
    std::printf("accepted for %zu channel\n", sent->size());
    const Tracker::GetStatus question{"n1", Channel::sms};
    while (co_await call(self, tracker(), question) != Status::delivered) co_await self.sleep(10ms);
    for (const Status s : co_await call(self, tracker(), Tracker::History{"n1", Channel::sms})) {
      std::printf("%s\n", name_of(s));
    }
  });
}
