// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The course asks how one would serve 10,000 users at once, and gives no answer. So: a process for
// each, which holds its state, ends when its user is silent for too long, and takes nobody along
// when it crashes. The hub only knows who is there; what users say goes from process to process.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace ten_thousand_users {

struct Say {
  std::string text;
};
struct Inbox {
  Pid from;
};
struct Unread {
  std::size_t messages;
};
struct Crash {};

constexpr Duration idle_limit = 30min;

inline Async<> user(Process& self) {
  std::vector<std::string> unread;
  while (co_await self.receive(
      [&](Say m) {
        unread.push_back(std::move(m.text));
        return true;
      },
      [&](Inbox m) {
        send(m.from, Unread{unread.size()});
        unread.clear();
        return true;
      },
      [&](Crash) -> bool { throw std::runtime_error("a bug in one user's code"); },
      after(idle_limit, [] { return false; }))) {
  }
}

struct Join {
  Pid from;
};
struct Joined {
  Pid user;
};
struct Broadcast {
  std::string text;
};
struct Online {
  Pid from;
};

inline Async<> hub(Process& self) {
  std::vector<Pid> users;
  for (;;) {
    co_await self.receive(
        [&](Join m) {
          const auto [pid, ref] = spawn_monitor(user);
          users.push_back(pid);
          send(m.from, Joined{pid});
        },
        [&](Broadcast m) {
          for (const Pid pid : users) send(pid, Say{m.text});
        },
        [&](Down m) { std::erase(users, m.pid); },
        [&](Online m) { send(m.from, static_cast<std::int64_t>(users.size())); });
  }
}

inline Async<std::size_t> unread_of(Process& self, Pid user) {
  send(user, Inbox{self.pid()});
  co_return (co_await self.receive<Unread>()).messages;
}

inline Async<std::int64_t> online(Process& self, Pid hub) {
  send(hub, Online{self.pid()});
  co_return co_await self.receive<std::int64_t>();
}

}  // namespace ten_thousand_users
