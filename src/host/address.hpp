// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <string>
#include <sys/socket.h>

#include "host/host.hpp"

namespace troupe {

// An address as the kernel's calls take it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  sockaddr* data() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const noexcept { return storage.ss_family; }
};

// Never asks anyone: numeric addresses and "localhost" only. Errors: bad_address.
std::expected<SocketAddress, IoError> to_socket_address(const Endpoint& endpoint);

// An IPv4 address that arrived on an IPv6 listener is written as the IPv4 address it is. An address
// of another family (a socket that was adopted) has an empty host.
Endpoint to_endpoint(const SocketAddress& address);

}  // namespace troupe
