// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "resp/command_table.hpp"
#include "resp/reply_writer.hpp"

namespace greenroom {

// Answers COMMAND and its subcommands from the command table, in Redis' shapes: redis-cli asks
// COMMAND DOCS for its hints, cluster-minded clients ask COMMAND INFO for key positions.
// `words` is a request that `command` accepts().
void answer_command(const CommandSpec& command, std::span<const std::string_view> words,
                    ReplyWriter& reply);

// "@read", "@fast" ... of a command.
std::vector<std::string_view> acl_categories(const CommandSpec& command);

// Answers "<CONTAINER> HELP": the container's subcommands, one line for each and one for its
// summary.
void answer_help(const CommandSpec& container, ReplyWriter& reply);

}  // namespace greenroom
