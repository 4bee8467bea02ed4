// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/http_server.hpp>

#include "operation/operation.hpp"

namespace greenroom {

// The page for people: how the server is, search for sessions, revoke one. Plain HTML from here,
// without script, so that its content security policy can allow none.
//
// What guards it: a login (with back-off), a random token in a cookie that scripts cannot read and
// other sites cannot send (HttpOnly, SameSite=Strict, Secure with TLS), a second secret in each
// form, an Origin check, and session ids only as hashes.
void add_admin_page(troupe::http::Router& router, OperationPtr operation);

}  // namespace greenroom
