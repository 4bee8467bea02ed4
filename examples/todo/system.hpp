// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The whole: database, registry and the lists' supervisor under one supervisor. The registry is the
// cache of the course, without its process in the way, and without the link by which one list's
// crash ends all.
#pragma once

#include <troupe/registry.hpp>

#include "server.hpp"

namespace todo {

inline auto start(Process& self, const std::string& directory) {
  return Supervisor::start_link(
      self,
      children(database(directory), Registry::spec({.name = "todo_lists"}),
               dynamic_supervisor("list_servers", {.name = "list_servers"})),
      {.strategy = rest_for_one});
}

// The server of that list; started if it does not run.
inline Async<ServerRef<Server>> server_process(Process& self, std::string name) {
  if (const auto found = Registry::find<Server>("todo_lists", name); found.pid()) co_return found;
  auto spec = child<Server>(name).via(Registry::via("todo_lists", name)).restart(temporary);
  const auto started = co_await DynamicSupervisor::start_child(
      self, named<DynamicSupervisor>("list_servers"), std::move(spec));
  co_return started ? ServerRef<Server>{started->pid} : Registry::find<Server>("todo_lists", name);
}

inline std::vector<std::string> list_names() {
  std::vector<std::string> names;
  Registry::for_each("todo_lists", [&](const Term& name, Pid, const Term&) {
    names.push_back(name.as_text().value_or(""));
  });
  return names;
}

}  // namespace todo
