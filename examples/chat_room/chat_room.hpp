// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Chat rooms as entity processes, which the courses only name: one process per room, found by its
// name in a registry and started when the first person joins. A room knows its members, forgets who
// has died, keeps the last messages for who comes later, and ends when it has been empty for a
// while.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <troupe/registry.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace chat_room {

struct Said {
  std::string room, who, text;
};

struct Room : GenServer<Room> {
  struct Join {
    std::string who;
    Pid pid;
    using Reply = std::vector<Said>;  // what was said before
  };
  struct Leave {
    Pid pid;
  };
  struct Say {
    Pid pid;
    std::string text;
  };
  struct Members {
    using Reply = std::vector<std::string>;
  };
  static constexpr std::size_t history_limit = 100;
  static constexpr Duration empty_limit = 10min;

  explicit Room(std::string name) : name_{std::move(name)} {}
  Init init(Process&) { return Init::timeout(empty_limit); }

  std::vector<Said> handle_call(Process& self, Join m) {
    if (!members_.contains(m.pid)) members_[m.pid] = {std::move(m.who), self.monitor(m.pid)};
    return {history_.begin(), history_.end()};
  }
  Next handle_cast(Process& self, Leave m) {
    if (const auto at = members_.find(m.pid); at != members_.end()) {
      self.demonitor(at->second.monitor, Flush::yes);
      members_.erase(at);
    }
    return wait();
  }
  Next handle_cast(Say m) {
    if (const auto at = members_.find(m.pid); at != members_.end()) {
      const Said said{name_, at->second.name, std::move(m.text)};
      for (const auto& [pid, member] : members_) send(pid, said);
      history_.push_back(said);
      if (history_.size() > history_limit) history_.pop_front();
    }
    return wait();
  }
  Answer<std::vector<std::string>> handle_call(Members) {
    std::vector<std::string> names;
    for (const auto& [pid, member] : members_) names.push_back(member.name);
    std::ranges::sort(names);
    return {std::move(names), wait()};
  }
  Next handle_info(Down m) {
    members_.erase(m.pid);
    return wait();
  }
  Next handle_timeout() { return Next::stop(ExitReason{}); }

 private:
  Next wait() const { return members_.empty() ? Next::timeout(empty_limit) : Next{}; }

  struct Member {
    std::string name;
    Ref monitor;
  };
  std::string name_;
  std::map<Pid, Member> members_;
  std::deque<Said> history_;
};

// The house: a registry of rooms and the supervisor they live under.
inline auto start(Process& self) {
  return Supervisor::start_link(
      self, children(Registry::spec({.name = "rooms"}),
                     dynamic_supervisor("room_supervisor", {.name = "room_supervisor"})));
}

// The room of that name; started if there is none.
inline Async<ServerRef<Room>> room(Process& self, std::string name) {
  if (const auto found = Registry::find<Room>("rooms", name); found.pid()) co_return found;
  auto spec = child<Room>(name).via(Registry::via("rooms", name)).restart(transient);
  const auto started = co_await DynamicSupervisor::start_child(
      self, named<DynamicSupervisor>("room_supervisor"), std::move(spec));
  // Somebody else may have been faster: then it is theirs.
  co_return started ? ServerRef<Room>{started->pid} : Registry::find<Room>("rooms", name);
}

}  // namespace chat_room
