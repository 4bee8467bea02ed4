// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string_view>

namespace greenroom {

// Whether a password that was given is the secret, in a time that depends on the length of what was
// given alone: neither how many bytes were right nor the secret's length can be timed.
bool equal_in_constant_time(std::string_view given, std::string_view secret);

}  // namespace greenroom
