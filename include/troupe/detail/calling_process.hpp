// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

namespace troupe {

class Process;

namespace detail {

// The process that runs on this thread, for functions that take no Process& but need one. Outside
// of a process: throws ErrorException{{badarg, not_inside_a_process}}.
Process& calling_process();

}  // namespace detail
}  // namespace troupe
