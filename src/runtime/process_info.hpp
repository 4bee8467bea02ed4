// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include "runtime/block.hpp"
#include "runtime/signal.hpp"

namespace troupe::detail {

// Questions are signals with a reply, so the answer reflects whatever the asker has sent before.
void answer_question(RuntimeState& runtime, Block& block, const Question& question);
// The answer of a process that is gone.
void refuse_question(const Question& question) noexcept;

}  // namespace troupe::detail
