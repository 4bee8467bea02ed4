// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/term.hpp>

#include "base/prng.hpp"

namespace troupe::test {

// A term of any kind, of so many levels at most, in which edge values are frequent.
Term random_term(Prng& random, int depth = 5);

}  // namespace troupe::test
