// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>
#include <string_view>

namespace greenroom {

// The SHA-1 of the bytes as 40 lower-case hexadecimal digits (FIPS 180-4): the name by which
// EVALSHA calls a script. A name and no more: nothing here trusts it to be hard to forge.
std::string sha1_hex(std::string_view bytes);

}  // namespace greenroom
