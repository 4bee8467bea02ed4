// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Health of a system from its supervisor's lifecycle events, a line in the course's table: how
// often each child was restarted, and whether it is up, restarting too often, or down for good. The
// monitor subscribes and asks nobody.
#pragma once

#include <deque>
#include <map>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace health_monitoring {

enum class Health { up, flapping, down };
inline const char* name_of(Health health) {
  constexpr const char* names[]{"up", "flapping", "down"};
  return names[static_cast<int>(health)];
}

// A child that was restarted this often within the window is flapping.
inline constexpr std::size_t too_often = 3;
inline constexpr Duration window = 1min;

struct Monitor : GenServer<Monitor> {
  struct Check {
    ChildId child;
    using Reply = Health;
  };
  struct Restarts {
    ChildId child;
    using Reply = std::size_t;
  };
  using Info = troupe::Messages<ChildEvent>;

  explicit Monitor(ServerRef<Supervisor> watched) : watched_{watched} {}
  Async<Init> init(Process& self) {
    co_await Supervisor::subscribe(self, watched_);
    co_return Init::ok();
  }
  Health handle_call(Process& self, Check m) {
    Child& child = children_[m.child.term];
    if (child.is_down) return Health::down;
    const Duration now = self.monotonic_time();
    while (!child.restarts.empty() && now - child.restarts.front() > window) {
      child.restarts.pop_front();
    }
    return child.restarts.size() >= too_often ? Health::flapping : Health::up;
  }
  std::size_t handle_call(Restarts m) { return children_[m.child.term].total; }
  void handle_info(Process& self, ChildEvent event) {
    Child& child = children_[event.id];
    child.is_down =
        event.kind != ChildEvent::Kind::started && event.kind != ChildEvent::Kind::restarted;
    if (event.kind == ChildEvent::Kind::restarted) {
      ++child.total;
      child.restarts.push_back(self.monotonic_time());
    }
  }

 private:
  struct Child {
    bool is_down = false;
    std::size_t total = 0;
    std::deque<Duration> restarts;  // within the window
  };
  ServerRef<Supervisor> watched_;
  std::map<Term, Child> children_;
};

// Something to be watched.
struct Worker : GenServer<Worker> {
  struct Crash {};
  struct Finish {};
  void handle_cast(Crash) { throw std::runtime_error("crash"); }
  Next handle_cast(Finish) { return Next::stop(ExitReason{}); }
};

}  // namespace health_monitoring

template <>
inline constexpr bool troupe::enable_message<troupe::ChildId> = true;
