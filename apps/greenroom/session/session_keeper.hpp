// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/gen_server.hpp>

#include "session/session_house.hpp"

namespace greenroom {

// What supervises the sessions' processes, of which there may be a million. A DynamicSupervisor is
// linked to each of its children and has an entry for it, 700 bytes together; this one is not, and
// knows them from the key tables, in which they keep their own entries. What a supervisor gives
// is there all the same:
//
//   start     by whoever needs one (server/key_locks.hpp); the tables see to it that there is one
//             process for each key
//   end       a session that ends otherwise than by its own decision tells it (SessionDied), also
//             one that is killed in its sleep
//   restart   none, as for temporary children: the next command on the key starts a successor,
//             which finds the entry of the dead and reads what is stored
//   shutdown  it ends them all, when it ends itself; and when it starts, what a predecessor that
//             was killed has left
class SessionKeeper : public troupe::GenServer<SessionKeeper> {
 public:
  SessionKeeper(troupe::Process& self, HouseRef house) : house_{house} { self.trap_exits(); }

  troupe::Async<> init(troupe::Process& self);
  using Info = troupe::Messages<SessionDied>;
  void handle_info(SessionDied);
  troupe::Async<> terminate(troupe::Process& self, troupe::ExitReason reason);

 private:
  troupe::Async<> end_all(troupe::Process& self);

  HouseRef house_;
};

}  // namespace greenroom
