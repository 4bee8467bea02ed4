// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Who is connected, as state of one process instead of global variables. The course counts with
// connect and disconnect, and miscounts when a user connects twice or a connection dies without a
// word; this one counts the connections it knows, and monitors them.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace connection_tracker {

struct User {
  std::string id, name;
  friend bool operator==(const User&, const User&) = default;
};

struct Tracker : GenServer<Tracker> {
  struct Connect {
    Pid connection;
    User user;
    using Reply = std::size_t;  // how many are connected now
  };
  struct Disconnect {
    Pid connection;
    using Reply = std::size_t;
  };
  struct GetCount {
    using Reply = std::size_t;
  };
  struct GetUser {
    std::string id;
    using Reply = std::optional<User>;
  };

  std::size_t handle_call(Process& self, Connect m) {
    const auto [at, is_new] = connections_.try_emplace(m.connection);
    if (is_new) at->second.monitor = self.monitor(m.connection);
    at->second.user = std::move(m.user);
    return connections_.size();
  }
  std::size_t handle_call(Process& self, Disconnect m) {
    if (const auto at = connections_.find(m.connection); at != connections_.end()) {
      self.demonitor(at->second.monitor, Flush::yes);
      connections_.erase(at);
    }
    return connections_.size();
  }
  std::size_t handle_call(GetCount) { return connections_.size(); }
  std::optional<User> handle_call(GetUser m) {
    for (const auto& [pid, connection] : connections_) {
      if (connection.user.id == m.id) return connection.user;
    }
    return std::nullopt;
  }
  void handle_info(Down m) { connections_.erase(m.pid); }

 private:
  struct Connection {
    User user;
    Ref monitor;
  };
  std::map<Pid, Connection> connections_;
};

}  // namespace connection_tracker
