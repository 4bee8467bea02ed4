// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace troupe::detail {

void assertion_failed(const char* condition, const char* message, const char* file,
                      int line) noexcept {
  // One call: glibc turns it into one write, so that threads failing together stay readable.
  if (condition) {
    std::fprintf(stderr, "%s:%d: assertion failed: %s: %s\n", file, line, condition, message);
  } else {
    std::fprintf(stderr, "%s:%d: unreachable code was reached: %s\n", file, line, message);
  }
  std::abort();
}

}  // namespace troupe::detail
