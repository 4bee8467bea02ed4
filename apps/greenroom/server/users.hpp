// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "resp/login.hpp"
#include "server/key_request.hpp"

namespace greenroom {

// Answers what concerns a user and not one key: SESS.USER.LIST, REVOKE and ERASE. Of sessions whose
// keys the asking connection's user may not touch nothing is told, and they stay. Revoking sends
// each of the user's sessions its end, so whoever saves one of them afterwards finds a tombstone
// where the prefix's rule leaves one.
troupe::Async<std::string> answer_users(troupe::Process& self, HouseRef house,
                                        const CommandSpec& command,
                                        std::span<const std::string_view> words,
                                        KeyRequest::Asker asker, const Login& login);

}  // namespace greenroom
