// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <troupe/http_server.hpp>

#include "operation/operation.hpp"

namespace greenroom {

// Whether the password is the admin's, in a time that does not tell how much of it was right. Wrong
// ones are counted against the address and audited; one that has to wait is not even looked at.
struct PasswordCheck {
  bool is_right = false;
  troupe::Duration wait{0};  // not zero: ask again after this long
};
PasswordCheck check_admin_password(troupe::Process& self, Operation& operation,
                                   std::string_view password, std::string_view address);

// For the API: "Authorization: Bearer PASSWORD" or Basic with the user "admin". Nothing: it may go
// on; otherwise the refusal (401 or 429).
std::optional<troupe::http::Response> refuse_api(troupe::Process& self, Operation& operation,
                                                 const troupe::http::Exchange& exchange);

// Before the body of any request is read: whoever has shown no password gets no memory for a large
// one, however many connections there are.
troupe::http::Admission admit(troupe::Process& self, Operation& operation,
                              const troupe::http::Exchange& exchange);

// Carries the token of a login to the page.
inline constexpr const char* admin_cookie = "greenroom_admin";

troupe::http::Response too_many_attempts(troupe::Duration wait);

}  // namespace greenroom
