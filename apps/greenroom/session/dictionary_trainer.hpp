// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/troupe.hpp>

#include "session/session_house.hpp"

namespace greenroom {

// The process that trains dictionaries, in the background: one at a time, on the blocking pool,
// when enough samples of a prefix have come together, and then at most every ten minutes. A
// dictionary is used once it is stored, so that no record outlives what can unpack it. When a
// prefix has got its first, the sessions that were packed without are told to try again, a few
// thousand in a second.
troupe::Async<> dictionary_trainer(troupe::Process& self, HouseRef house);

}  // namespace greenroom
