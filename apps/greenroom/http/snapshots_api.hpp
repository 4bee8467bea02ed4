// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/http_server.hpp>

#include "operation/operation.hpp"

namespace greenroom {

// GET /v1/snapshots lists what is there, POST /v1/snapshots makes one and answers when it is on
// disk.
void add_snapshots_api(troupe::http::Router& router, OperationPtr operation);

}  // namespace greenroom
