// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/detail/receive.hpp>

namespace troupe::detail {

// A receive that handles messages where it stands: for a loop that would come back to it, without a
// limit, for any message. It stays suspended while hundreds of messages are handled. Its match
// function is the whole of it: the message is its own from there on, and the answer says whether
// the coroutine is to be resumed (0: no, the receive goes on).
//
// Said in `Receiver::clause`, which such a receive has no other use for.
inline constexpr int in_place = -2;

inline bool is_in_place(const Receiver& receiver) noexcept { return receiver.clause == in_place; }

}  // namespace troupe::detail
