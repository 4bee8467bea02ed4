// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// A solution of the exercise of tutorial chapter 9.
#pragma once

#include <set>
#include <string>

#include <troupe/troupe.hpp>

#include "ten_thousand_users/ten_thousand_users.hpp"

using namespace troupe;

namespace exercises {

using ten_thousand_users::Broadcast, ten_thousand_users::user;

// The hub as a server. What it knows is told by the supervisor of the users, so a new hub can ask.
struct Hub : GenServer<Hub> {
  struct Join {
    using Reply = Pid;
  };
  struct Online {
    using Reply = std::size_t;
  };

  Async<Init> init(Process& self) {
    for (const ChildInfo& child : co_await DynamicSupervisor::which_children(self, users())) {
      add(self, child.pid);
    }
    co_return Init::ok();
  }
  Async<Pid> handle_call(Process& self, Join) {
    // temporary: a user whose process has crashed joins again.
    auto spec = child("user", user).restart(temporary);
    const auto started = co_await DynamicSupervisor::start_child(self, users(), std::move(spec));
    add(self, started.value().pid);
    co_return started->pid;
  }
  std::size_t handle_call(Online) { return online_.size(); }
  void handle_cast(Broadcast m) {
    for (const Pid pid : online_) send(pid, ten_thousand_users::Say{m.text});
  }
  void handle_info(Down m) { online_.erase(m.pid); }

 private:
  static ServerRef<DynamicSupervisor> users() { return named<DynamicSupervisor>("users"); }
  void add(Process& self, Pid pid) {
    if (online_.insert(pid).second) self.monitor(pid);
  }
  std::set<Pid> online_;
};

// The users stand before the hub: it needs them, and they do not need it.
inline auto start_users(Process& self) {
  return Supervisor::start_link(
      self, children(dynamic_supervisor("users", {.name = "users"}), child<Hub>().named("hub")),
      {.strategy = rest_for_one});
}

}  // namespace exercises
