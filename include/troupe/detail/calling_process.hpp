// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>

namespace troupe {

class Process;

namespace detail {

// The process that runs on this thread, for functions that take no Process& but need one. Outside
// of a process: throws ErrorException{{badarg, not_inside_a_process}}.
Process& calling_process();
// Its node.
std::uint32_t calling_node();

}  // namespace detail
}  // namespace troupe
