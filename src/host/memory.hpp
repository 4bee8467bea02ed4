// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>

namespace troupe {

// Address space without memory behind it: pages come when they are first touched, as zeros. Null
// when the system refuses.
void* reserve_memory(std::size_t bytes) noexcept;

// Gives the memory behind a reserved range back; the range stays, and reads as zeros from now on.
void discard_memory(void* range, std::size_t bytes) noexcept;

}  // namespace troupe
