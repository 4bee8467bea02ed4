// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include "runtime/block.hpp"
#include "runtime/mailbox_limit.hpp"
#include "runtime/relations.hpp"
#include "runtime/runtime_state.hpp"

namespace troupe::detail {

// Lets a process that came out of a run queue run until it waits, yields or ends. On return the
// block belongs to whoever wakes it next, or, if true, must be enqueued last by the caller.
// `budget`: how many receives it may make.
bool activate(RuntimeState& runtime, Block& block, std::int16_t budget) noexcept;

// Takes what is in the inbox: signals act, messages join the queue. Stops at a fatal signal.
void take_mail(RuntimeState& runtime, Block& block) noexcept;

// One signal, as it is taken.
void handle_signal(RuntimeState& runtime, Block& block, Envelope* signal) noexcept;
// What a signal or request means to a process that is gone or going: requests answer themselves.
void refuse(Pid gone, Envelope* envelope) noexcept;

// Destroys what is left of the coroutines of a process, innermost first, and one after the other: a
// chain of awaits may be far longer than the thread's stack is deep.
void destroy_frames(Block& block) noexcept;

// The end: frames, timers, names, links, monitors, slot.
void end_process(RuntimeState& runtime, Block& block, ExitReason reason) noexcept;

Relations& relations_of(Block& block);

// Every message that joins or leaves the user's queue does so here, where a limit counts it.
inline void append_message(Block& block, Envelope* message) noexcept {
  block.queue.append(message);
  if (block.limited.load(std::memory_order_relaxed) != 0) [[unlikely]]
    count_appended(block);
}
inline void unlink_message(RuntimeState& runtime, Block& block, Envelope* before,
                           Envelope* message) noexcept {
  block.queue.unlink(before, message);
  if (block.limited.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    count_removed(runtime, block);
  }
}

// Cancels the timer of its waits, if one runs.
void stop_clock(RuntimeState& runtime, Block& block) noexcept;
// The timer has fired: the limit has come, or another timer runs for the rest of it.
void take_timeout(RuntimeState& runtime, Block& block, std::uint64_t timer_id) noexcept;

}  // namespace troupe::detail
