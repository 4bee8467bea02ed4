// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/pid.hpp>

namespace troupe::detail {

// Whether the process lives at this moment, as any thread can see it: unlike is_alive this asks
// nobody, and an exit signal that is on its way to it has not acted yet. False once its DOWN is
// out.
bool lives_now(Pid pid) noexcept;

}  // namespace troupe::detail
