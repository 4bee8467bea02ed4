// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <span>
#include <string_view>

#include "resp/command_table.hpp"
#include "resp/reply_writer.hpp"
#include "resp/server_rules.hpp"

namespace greenroom {

// ACL WHOAMI, USERS, LIST, GETUSER, CAT, DRYRUN and GENPASS, for a connection of `user`. What users
// there are and what they may do is the configuration's. Passwords are shown to nobody, not even as
// hashes.
void answer_acl(const CommandSpec& command, std::span<const std::string_view> words,
                const ServerRules& rules, std::string_view user, ReplyWriter& reply);

}  // namespace greenroom
