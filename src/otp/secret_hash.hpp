// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include "base/text_hash.hpp"

namespace troupe::detail {

// For tables whose keys come from outside: nobody may know which of them collide.
TextHash secret_hash();

}  // namespace troupe::detail
