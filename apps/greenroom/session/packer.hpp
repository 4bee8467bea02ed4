// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/troupe.hpp>

#include "session/session_house.hpp"

namespace greenroom {

// Tells the sessions of the house's packing queue, when each is due, to compress their values.
troupe::Async<> packer(troupe::Process& self, HouseRef house);

}  // namespace greenroom
