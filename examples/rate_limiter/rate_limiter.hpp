// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A rate limiter with a process per client: each counts its own requests, and a timer opens the
// next window. `limiter` finds or starts the client's process, so clients need not know pids. In
// the course an answer that comes after the time limit is taken for the next one's, and the process
// of a client that never comes back stays for ever; here the answer carries the request's
// reference, and a silent client's process ends.
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

// One client's process.
inline Async<> client(Process& self, Limit limit) {
  int used = 0;
  bool window_is_open = false;
  while (co_await self.receive(
      [&](Check m) {
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
      after(10 * limit.window, [] { return false; }))) {
  }
}

// The process that knows the clients.
inline Async<> limiter(Process& self, Limit limit) {
  std::map<std::string, Pid> clients;
  for (;;) {
    co_await self.receive(
        [&](Check m) {
          Pid& pid = clients[m.client];
          if (!pid) {
            pid = spawn(client, limit);
            self.monitor(pid, {.tag = Term::binary(m.client)});
          }
          send(pid, std::move(m));
        },
        [&](Down m) { clients.erase(m.tag.as_text().value_or("")); });
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
