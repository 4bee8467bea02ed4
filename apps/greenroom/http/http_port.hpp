// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>

#include <troupe/http_server.hpp>

#include "operation/operation.hpp"

namespace greenroom {

// The HTTP port: /healthz, /readyz and /metrics for everybody who reaches it; /v1 (sessions and
// snapshots as JSON) and /admin (the page) for who has the admin password, and not there at all
// without one.
troupe::Async<std::expected<troupe::Pid, troupe::ExitReason>> start_http_port(
    troupe::Process& supervisor, OperationPtr operation);

// Why the server should get no requests now; empty: it is ready.
std::string unready_reason(const Operation& operation);

}  // namespace greenroom
