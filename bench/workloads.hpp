// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include "harness.hpp"

// One for each file.
namespace troupe::bench {

extern const Workload spawn_exit, spawn_idle, spawn_idle_server, ping_pong, ring, fan_in, fan_out,
    big, calls, bank, selective, timers, fairness, restarts, mailbox, registry, big_messages, crash,
    parallel_map, idle_node, outstanding, monitors, wake_up;

}  // namespace troupe::bench
