// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>

#include <troupe/duration.hpp>

namespace troupe::http {

// Time since 1970 as HTTP writes it: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(Duration since_1970);

}  // namespace troupe::http
