// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>

#include <troupe/process.hpp>

namespace troupe {

class Host;
struct SocketId;
enum class Interest : std::uint8_t;

namespace detail {

// The seam between src/net and the executor; users have troupe/net.hpp.

// The host of a node, null when the node is no more.
Host* host_of(std::uint32_t node) noexcept;

// Waits until the socket is ready for what is asked; false: the timeout has passed. One watch, one
// reply that skips the mailbox.
Async<bool> wait_for_io(Process& self, SocketId socket, Interest interest, Duration timeout);

// The same as a message, for who waits for messages too: one IoReady with the number that was
// returned, unless withdrawn.
struct IoReady {
  std::uint64_t watch = 0;
};
std::uint64_t notify_of_io(Process& self, SocketId socket, Interest interest);
void withdraw_notice(std::uint32_t node, std::uint64_t watch) noexcept;

}  // namespace detail
}  // namespace troupe
