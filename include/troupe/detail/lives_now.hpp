// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/pid.hpp>

namespace troupe {
class Process;
}

namespace troupe::detail {

// Whether the process lives at this moment, as any thread can see it: unlike is_alive this asks
// nobody, and an exit signal that is on its way to it has not acted yet. False once its DOWN is
// out.
bool lives_now(Pid pid) noexcept;

// The same for processes that have had it noted, and dearer for others never: false. Of those the
// runtime keeps four bytes each, side by side, so that a table of names that asks with every
// look-up finds 16 processes in a cache line instead of half a one.
void note_life(Process& self);
bool noted_life(Pid pid) noexcept;

}  // namespace troupe::detail
