// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Publish and subscribe by hand, in one process. Subscribers are monitored, so the dead ones leave
// the list (the course's stay in it for ever), and who subscribes twice is told once. The library
// has this ready-made, with topics: troupe/pubsub.hpp.
#pragma once

#include <map>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace publish_subscribe {

struct Subscribe {
  Pid subscriber;
};
struct Unsubscribe {
  Pid subscriber;
};
struct Publish {
  std::string message;
};
struct CountSubscribers {
  Pid from;
};
struct Notification {
  std::string message;
};
struct Subscribers {
  std::size_t count;
};

inline Async<> hub(Process& self) {
  std::map<Pid, Ref> subscribers;
  for (;;) {
    co_await self.receive(
        [&](Subscribe m) {
          if (!subscribers.contains(m.subscriber)) {
            subscribers[m.subscriber] = self.monitor(m.subscriber);
          }
        },
        [&](Unsubscribe m) {
          const auto at = subscribers.find(m.subscriber);
          if (at == subscribers.end()) return;
          self.demonitor(at->second, Flush::yes);
          subscribers.erase(at);
        },
        [&](Publish m) {
          for (const auto& [pid, ref] : subscribers) send(pid, Notification{m.message});
        },
        [&](Down m) { subscribers.erase(m.pid); },
        [&](CountSubscribers m) { send(m.from, Subscribers{subscribers.size()}); });
  }
}

inline Async<std::size_t> count(Process& self, Pid hub) {
  send(hub, CountSubscribers{self.pid()});
  co_return (co_await self.receive<Subscribers>()).count;
}

}  // namespace publish_subscribe
