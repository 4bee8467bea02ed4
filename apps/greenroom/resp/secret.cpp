// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/secret.hpp"

#include <cstddef>

namespace greenroom {

bool equal_in_constant_time(std::string_view given, std::string_view secret) {
  if (secret.empty()) return given.empty();
  // Volatile, so that the compiler cannot leave the loop at the first difference. The wrapped index
  // keeps the work the same for every length of the secret.
  volatile unsigned char difference = given.size() == secret.size() ? 0 : 1;
  std::size_t in_secret = 0;
  for (char c : given) {
    difference = static_cast<unsigned char>(difference | (c ^ secret[in_secret]));
    in_secret = in_secret + 1 == secret.size() ? 0 : in_secret + 1;
  }
  return difference == 0;
}

}  // namespace greenroom
