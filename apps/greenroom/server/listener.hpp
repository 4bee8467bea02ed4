// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>

#include <troupe/troupe.hpp>

#include "server/server.hpp"

namespace greenroom {

// Starts the process that accepts connections, linked to its supervisor, once the port is open; the
// reason says why it could not be. Each connection gets a process of its own; beyond the limit of
// clients one is told so and closed.
troupe::Async<std::expected<troupe::Pid, troupe::ExitReason>> start_listener(
    troupe::Process& supervisor, ServerPtr server);
// The same on the port with TLS. The handshake is the connection's process' business.
troupe::Async<std::expected<troupe::Pid, troupe::ExitReason>> start_tls_listener(
    troupe::Process& supervisor, ServerPtr server);

}  // namespace greenroom
