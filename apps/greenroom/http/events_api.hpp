// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/http_server.hpp>

#include "operation/operation.hpp"

namespace greenroom {

// GET /v1/events: what happens to sessions, as server-sent events, with the admin password. A
// client that comes again with Last-Event-ID misses nothing, or gets 410 if what it missed is not
// kept any more. docs/reference/greenroom-operation.md describes it.
void add_events_api(troupe::http::Router& router, OperationPtr operation);

}  // namespace greenroom
