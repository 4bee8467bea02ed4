// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>

#include "operation/operation.hpp"

namespace greenroom {

// The server's figures in Prometheus' text format, version 0.0.4.
std::string metrics_text(troupe::Process& self, const Operation& operation);

}  // namespace greenroom
