// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <span>
#include <string>

#include "runtime/block.hpp"

namespace troupe::detail {

// Writes what is known of a process that ends abnormally, as OTP's proc_lib does: an error line
// with pid, name, body, reason, exception, where it waited, mailbox and links. Nothing for
// `normal`, `shutdown` and `{shutdown, _}`, and nothing for a process that ends because a linked
// one did, which has reported itself.
void report_crash(const Block& block, const ExitReason& reason) noexcept;

// A stack as a log line has it: `function at file:line < caller at ...`, innermost first.
std::string stack_line(std::span<void* const> frames);

}  // namespace troupe::detail
