// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/http_server.hpp>

#include "operation/operation.hpp"

namespace greenroom {

// Sessions as JSON, for services that speak HTTP rather than Redis' protocol, on the same
// processes:
//
//     GET    /v1/sessions?match=sess:*&cursor=0&limit=100   ids
//     GET    /v1/sessions/{id}       200 with ETag; 304 for If-None-Match; 404
//     PUT    /v1/sessions/{id}       the whole value; 201 new, 200 replaced
//     PATCH  /v1/sessions/{id}       RFC 7396 merge into a value that is a JSON object
//     DELETE /v1/sessions/{id}       204; 404
//     GET    /v1/stats
//
// The value is `data` (JSON, stored as its text), `value` (a text) or `fields` (a hash of texts);
// `ttl_ms` is how long it lives from now, null for ever. The database is the parameter db.
//
// If-Match and If-None-Match: * are checked while the session is held still, so that of two writers
// with the same ETag one gets 412. An ETag names one state of one life of a session.
void add_sessions_api(troupe::http::Router& router, OperationPtr operation);

}  // namespace greenroom
