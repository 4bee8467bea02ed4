// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <troupe/troupe.hpp>

#include "resp/reply_writer.hpp"
#include "session/session_house.hpp"

namespace greenroom {

// SESS.EVENTS [AFTER position] [MATCH pattern] [COUNT n] [BLOCK milliseconds]: what has happened to
// sessions behind a position, and the position to go on from:
//
//   1) "1764430000000-18"
//   2) 1) 1) "1764430000000-17" 2) "expired" 3) (integer) 0 4) "sess:a" 5) (integer) 1764430001234
//
// Without AFTER it begins with the oldest that is kept, "$" is now. With BLOCK it waits for the
// first event that fits, and answers an empty list when that time is over. `-EVENTSGONE` says that
// something behind the position is not kept any more, or that it is one of another run of the
// server: who keeps a copy of the sessions makes it anew.
troupe::Async<std::string> answer_events(troupe::Process& self, HouseRef house,
                                         std::span<const std::string_view> words,
                                         RespVersion version, std::uint64_t client);

}  // namespace greenroom
