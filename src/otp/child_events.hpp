// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/detail/send_or_drop.hpp>
#include <troupe/supervisor.hpp>

#include "base/flat_map.hpp"

namespace troupe::detail {

// Who wants to hear of a supervisor's children. Costs nothing while nobody does.
class ChildEvents {
 public:
  // The request of a subscriber, the same for every supervisor.
  struct Subscribe {
    Pid subscriber;
    bool on;
    using Reply = void;
  };
  void handle(Process& self, const Subscribe& request) {
    request.on ? subscribe(self, request.subscriber) : unsubscribe(self, request.subscriber);
  }
  void forget(Pid ended) { subscribers_.erase(ended); }

  // A subscriber that takes no more must not end the supervisor.
  void tell(Process& self, ChildEvent::Kind kind, const Term& id, Pid pid, Pid previous,
            const ExitReason& reason = {}) const {
    for (const auto [subscriber, monitor] : subscribers_) {
      send_or_drop(subscriber, ChildEvent{kind, self.pid(), id, pid, reason, previous});
    }
  }

 private:
  void subscribe(Process& self, Pid subscriber) {
    if (!subscribers_.contains(subscriber)) {
      subscribers_.insert(Pid{subscriber}, self.monitor(subscriber));
    }
  }
  void unsubscribe(Process& self, Pid subscriber) {
    if (const std::optional<Ref> monitor = subscribers_.take(subscriber)) {
      self.demonitor(*monitor, Flush::yes);
    }
  }

  FlatMap<Pid, Ref> subscribers_;
};

}  // namespace troupe::detail
