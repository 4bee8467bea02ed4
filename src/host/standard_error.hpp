// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string_view>

namespace troupe {

// Writes the text to the program's standard error, all of it in one call as long as the kernel
// takes it, so that lines of several threads do not mix. An error is passed over: there is nowhere
// to complain to.
void write_to_standard_error(std::string_view text) noexcept;

}  // namespace troupe
