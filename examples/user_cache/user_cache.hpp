// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// A server process per user and a cache that finds or starts them. The course's cache is linked to
// its servers, so the crash of one user's server ends it and all others, and it would hand out dead
// pids; here the servers live under a supervisor of their own, and the cache forgets the dead.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace user_cache {

struct Profile {
  int user_id;
  std::string name;
  std::optional<std::string> email;
  friend bool operator==(const Profile&, const Profile&) = default;
};

struct UserServer : GenServer<UserServer> {
  struct GetProfile {
    using Reply = Profile;
  };
  struct Update {  // what is set
    std::optional<std::string> name = std::nullopt;
    std::optional<std::string> email = std::nullopt;
  };
  struct Break {};

  explicit UserServer(int user_id) : profile_{user_id, "User" + std::to_string(user_id), {}} {
    log::debug("starting the server of user {}", user_id);
  }
  Profile handle_call(GetProfile) { return profile_; }
  void handle_cast(Update m) {
    if (m.name) profile_.name = std::move(*m.name);
    if (m.email) profile_.email = std::move(m.email);
  }
  void handle_cast(Break) { throw std::runtime_error("a bug in one user's data"); }

 private:
  Profile profile_;
};

struct UserCache : GenServer<UserCache> {
  struct ServerProcess {
    int user_id;
    using Reply = ServerRef<UserServer>;
  };

  explicit UserCache(ServerRef<DynamicSupervisor> users) : users_{users} {}
  Async<ServerRef<UserServer>> handle_call(Process& self, ServerProcess m) {
    if (const auto at = servers_.find(m.user_id); at != servers_.end()) {
      // Its Down may still be on the way.
      if (co_await is_alive(self, at->second.pid())) co_return at->second;
    }
    auto user = child<UserServer>(m.user_id).restart(temporary);
    const auto started = co_await DynamicSupervisor::start_child(self, users_, std::move(user));
    const ServerRef<UserServer> server{started.value().pid};
    self.monitor(server.pid());
    servers_[m.user_id] = server;
    co_return server;
  }
  void handle_info(Down m) {
    std::erase_if(servers_, [&](const auto& entry) { return entry.second.pid() == m.pid; });
  }

 private:
  ServerRef<DynamicSupervisor> users_;
  std::map<int, ServerRef<UserServer>> servers_;
};

inline Async<> start(Process& self) {
  co_await Supervisor::start_link(
      self,
      children(dynamic_supervisor("users", {.name = "users"}),
               child<UserCache>(named<DynamicSupervisor>("users")).named("user_cache")),
      {.strategy = rest_for_one});
}
inline auto server_process(Process& self, int user_id) {
  return call(self, named<UserCache>("user_cache"), UserCache::ServerProcess{user_id});
}

}  // namespace user_cache
