// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/supervisor.hpp>

#include "base/flat_map.hpp"

namespace troupe::detail {

// Who wants to hear of a supervisor's children. Costs nothing while nobody does.
class ChildEvents {
 public:
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
  void forget(Pid ended) { subscribers_.erase(ended); }

  void tell(Process& self, ChildEvent::Kind kind, const Term& id, Pid pid,
            const ExitReason& reason = {}) const {
    for (const auto [subscriber, monitor] : subscribers_) {
      send(subscriber, ChildEvent{kind, self.pid(), id, pid, reason});
    }
  }

 private:
  FlatMap<Pid, Ref> subscribers_;
};

}  // namespace troupe::detail
