// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <array>
#include <string>

#include <troupe/tls.hpp>

#include "net/http_parser.hpp"

namespace troupe::http {

Error error_from(const net::Error& error);

// Appends what is there; 0: the end. The piece is on the stack, not in the frame of a coroutine.
net::Result<std::size_t> read_some(net::Channel& channel, std::string& buffer);

}  // namespace troupe::http
