// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/application.hpp>

namespace troupe::detail {

// The steps of an application's stop, in their order.
enum class StopPhase : std::uint8_t { prep_stop, tree, stop };

// What the controller and whoever stops an application say to its master, and hear from it.
struct MasterStarted {
  Atom name;
  std::optional<ExitReason> failure;
};
struct MasterDo {
  StopPhase phase;
  Pid asker;
};
struct MasterDone {
  StopPhase phase;
};
struct MasterEnded {
  Atom name;
  ExitReason reason;
};

// The process that starts an application's tree, is linked to it, and runs the functions around its
// stop. OTP's application_master. Tells the controller how the start went, and when the tree has
// ended without having been asked to.
Async<> application_master(Process& self, Application application, Pid controller);

// Has a master go through the phases of a stop, each within the application's deadline and all
// within `time_left`; kills what is late, says so, and returns when the master is dead.
Async<> stop_master(Process& self, Atom name, Pid master, Duration phase_deadline,
                    Duration time_left);

}  // namespace troupe::detail
