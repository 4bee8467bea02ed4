// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>

#include "differential/script.hpp"

namespace troupe::differential {

// Runs the script once in the simulator. Which of its possible traces comes out is the seed's
// choice.
Observed run_simulated(const Script& script, std::uint64_t seed);

// Runs it once on four worker threads, in real time. That is slow, and what comes out is nobody's
// choice; but here one process can act while another is in the middle of a step, which the
// simulator does not do: a link that reaches a process in its last step, say.
Observed run_on_threads(const Script& script);

}  // namespace troupe::differential
