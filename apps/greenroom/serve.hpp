// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include "config/config.hpp"

namespace greenroom {

// Runs the server until SIGTERM or SIGINT and returns the program's exit code. What prevents the
// start (data directory, damaged file, port) is said in one sentence on stderr, and the code is 1.
int serve(const Config& config);

}  // namespace greenroom
