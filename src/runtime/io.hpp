// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/process.hpp>

#include "host/host.hpp"

namespace troupe::detail {

// The host of a node, null when the node is no more.
Host* host_of(std::uint32_t node) noexcept;

// Waits until the socket is ready for what is asked; false: the timeout has passed. One watch, one
// reply that skips the mailbox.
Async<bool> wait_for_io(Process& self, SocketId socket, Interest interest, Duration timeout);

}  // namespace troupe::detail
