// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/process.hpp>

namespace troupe {

// What `tell` gets when a signal from then on is waited for; before, it ends the program at once.
struct TerminationWatched {};

// Waits until the program is asked to end (SIGTERM or SIGINT) and says which signal it was. After
// the first one a second Ctrl-C ends the program at once. One process of a program waits at a time.
// In a simulation nobody asks, and it waits for ever.
Async<int> wait_for_termination(Process& self, Pid tell = {});

}  // namespace troupe
