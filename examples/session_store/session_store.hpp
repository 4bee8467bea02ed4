// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The small session store of the course: a process per session, a registry in the place of its
// cache process, storage behind workers, and statistics. In the course, deleting a session kills
// the cache and with it all sessions, because they are linked; here nobody stands between callers
// and sessions, and the supervisor knows them. The large one is Greenroom.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <troupe/registry.hpp>

#include "session.hpp"

using namespace std::chrono_literals;

namespace session_store {

// The store: statistics, the database pool, a registry of sessions and their supervisor.
inline auto start(Process& self, const std::string& directory) {
  return Supervisor::start_link(
      self,
      children(child<Stats>().named("stats"), database(directory),
               Registry::spec({.name = "sessions"}),
               dynamic_supervisor("session_supervisor", {.name = "session_supervisor"})),
      {.strategy = rest_for_one});
}

// The session that runs under this id; nothing if none does.
inline std::optional<ServerRef<Session>> get_session(const std::string& id) {
  const auto found = Registry::find<Session>("sessions", id);
  return found.pid() ? std::optional{found} : std::nullopt;
}

// The session of this id: the one that runs, or a new one with what was saved under the id.
inline Async<ServerRef<Session>> create_session(Process& self, std::string id, Duration ttl = 1h) {
  if (const auto found = get_session(id)) co_return *found;
  auto spec = child<Session>(id, ttl).via(Registry::via("sessions", id)).restart(transient);
  const auto started = co_await DynamicSupervisor::start_child(
      self, named<DynamicSupervisor>("session_supervisor"), std::move(spec));
  if (!started) co_return Registry::find<Session>("sessions", id);
  record(Stats::Event::create);
  co_return ServerRef<Session>{started->pid};
}

// False: there is none.
inline Async<bool> delete_session(Process& self, std::string id) {
  const auto found = get_session(id);
  if (!found) co_return false;
  const auto ended = co_await DynamicSupervisor::terminate_child(
      self, named<DynamicSupervisor>("session_supervisor"), found->pid());
  if (ended) record(Stats::Event::remove);
  co_await call(self, worker_of(id), DatabaseWorker::Delete{id});
  co_return ended.has_value();
}

inline std::vector<std::string> active_sessions() {
  std::vector<std::string> ids;
  Registry::for_each("sessions", [&](const Term& id, Pid, const Term&) {
    ids.push_back(id.as_text().value_or(""));
  });
  return ids;
}

}  // namespace session_store
