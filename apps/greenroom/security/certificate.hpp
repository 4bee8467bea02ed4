// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>

namespace greenroom {

// Empty, or why nobody would accept the first certificate of the PEM file now: it has expired, or
// is not valid yet. Of a file that cannot be read nothing is said: TlsContext says that.
std::string problem_of_certificate(const std::string& file);

}  // namespace greenroom
