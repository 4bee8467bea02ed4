// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A rate limiter with a process per client: each counts its own requests, and a timer opens the
// next window. `limiter` finds or starts the client's process, so clients need not know pids. In
// the course an answer that comes after the time limit is taken for the next one's, and the process
// of a client that never comes back stays for ever; here the answer carries the request's
// reference, and a silent client's process ends when the limiter has nothing on the way to it.
#pragma once

#include <expected>
#include <map>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace rate_limiter {

struct Limit {
  int requests;
  Duration window;
};

enum class Refused { rate_limited, timeout };
using Remaining = std::expected<int, Refused>;  // requests left in this window

struct Check {
  std::string client;
  Alias reply_to;
};
struct Answer {
  Ref request;
  Remaining remaining;
};
struct WindowOver {};

// From a client's process that nobody has asked for long.
struct Idle {
  Pid process;
  std::string client;
  int checks;  // that came to it
};
struct Leave {};

// One client's process. If it ended by itself, a check on its way to it would be lost. So it says
// that it is idle, and how many checks it has seen; the limiter has sent more, or lets it go.
inline Async<> client(Process& self, Pid limiter, std::string name, Limit limit) {
  Duration patience = 10 * limit.window;
  int checks = 0;
  int used = 0;
  bool window_is_open = false;
  while (co_await self.receive(
      [&](Check m) {
        patience = 10 * limit.window;
        ++checks;
        if (!window_is_open) send_after(self.pid(), limit.window, WindowOver{});
        window_is_open = true;
        const bool allowed = used < limit.requests;
        if (allowed) ++used;
        send(m.reply_to, Answer{m.reply_to.ref, allowed ? Remaining{limit.requests - used}
                                                        : std::unexpected{Refused::rate_limited}});
        return true;
      },
      [&](WindowOver) {
        used = 0;
        window_is_open = false;
        return true;
      },
      [](Leave) { return false; }, after(patience, [&] {
        send(limiter, Idle{self.pid(), name, checks});
        patience = infinity;
        return true;
      }))) {
  }
}

// The process that knows the clients.
inline Async<> limiter(Process& self, Limit limit) {
  struct Client {
    Pid process;
    int checks = 0;  // that were sent to it
  };
  std::map<std::string, Client> clients;
  for (;;) {
    co_await self.receive(
        [&](Check m) {
          Client& asked = clients[m.client];
          if (!asked.process) asked.process = spawn_link(client, self.pid(), m.client, limit);
          ++asked.checks;
          send(asked.process, std::move(m));
        },
        [&](Idle m) {
          if (clients[m.client].checks != m.checks) return;
          clients.erase(m.client);
          send(m.process, Leave{});
        });
  }
}

inline Async<Remaining> check_request(Process& self, Pid limiter, std::string who) {
  const Alias reply_to = self.alias(AliasMode::reply);
  send(limiter, Check{std::move(who), reply_to});
  const Remaining remaining =
      co_await self.receive(when([&](const Answer& m) { return m.request == reply_to.ref; },
                                 [](Answer m) { return m.remaining; }),
                            after(5s, [] { return Remaining{std::unexpected{Refused::timeout}}; }));
  self.unalias(reply_to);
  co_return remaining;
}

}  // namespace rate_limiter
