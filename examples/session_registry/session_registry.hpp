// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Sessions under names of their own kind: a registry instead of atoms, so that names may come from
// outside. Two processes never have one name, and it is free again when its process is gone. The
// course's look-up crashes when nobody has the name; this one gives a reference to nobody, which
// can be asked.
#pragma once

#include <string>

#include <troupe/registry.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;

namespace session_registry {

struct Session : GenServer<Session> {
  struct User {
    using Reply = std::string;
  };
  explicit Session(std::string user) : user_{std::move(user)} {}
  std::string handle_call(User) { return user_; }

 private:
  std::string user_;
};

inline auto start(Process& self, const std::string& id, std::string user) {
  return Session::try_start_link(self, {.via = Registry::via("sessions", id)}, std::move(user));
}
inline ServerRef<Session> find(const std::string& id) {
  return Registry::find<Session>("sessions", id);
}

}  // namespace session_registry
