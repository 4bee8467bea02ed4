// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// How a process runs. It comes out of a run queue, its mail is taken (signals act here), and then,
// if what it waits for has come, its innermost coroutine is resumed. A coroutine never resumes
// another: it writes where to go on into the continuation and returns to the loop in `activate`, so
// stack depth does not depend on what user code awaits (see Continuation).
//
// A receive looks at each message once: `scanned` is the last one it has refused, and new mail is
// tested from there. The test is a function pointer (Receiver::match), so messages that do not fit
// never resume the coroutine. A server's receive handles messages right there (in_place.hpp), and
// its coroutine is resumed only for what a plain handler leaves to be done.
//
// Tried and given up: leaving the only envelope of an activation in the inbox's word until the
// process sleeps again, which takes a compare-and-swap anyhow, and so sparing a call two of its ten
// locked instructions. The envelope's memory must then not come back as a new one meanwhile, so
// that every deallocation on the thread has to ask whether an inbox still names it; and by count a
// call took as many instructions as without.
#include "runtime/activation.hpp"

#include <troupe/detail/call.hpp>
#include <troupe/detail/in_place.hpp>
#include <troupe/dormant.hpp>

#include "base/assert.hpp"
#include "runtime/signal.hpp"

namespace troupe::detail {

constinit thread_local Context context;

namespace {

// A call that leaves the queue is noted by the runtime, unless the receiver sees to it.
void give(Block& block, Receiver& receiver, Envelope* message, int clause) noexcept {
  receiver.taken = message;
  receiver.clause = clause;
  if (message->type->kind == EnvelopeKind::call && !receiver.serves) {
    note_call(block, call_head(message));
  }
}

// Tests what has come since the last look. True: receiver.taken is set.
bool scan(Block& block, Receiver& receiver) noexcept {
  Envelope* before = block.scanned;
  Envelope* candidate = before ? before->next : block.queue.head;
  while (candidate) {
    const int clause = receiver.match(receiver, candidate);
    if (clause >= 0) {
      unlink_message(*context.runtime, block, before, candidate);
      give(block, receiver, candidate, clause);
      return true;
    }
    before = candidate;
    candidate = candidate->next;
  }
  block.scanned = before;
  return false;
}

// Has a receive handle a message in its place. True: its coroutine is to be resumed. The phase says
// so too, because the process may have been suspended meanwhile: `ready`, or still `retiring`, if
// the handler has left a sleeper where the receive stood.
bool serve(Block& block, Receiver& receiver, Envelope* message) noexcept {
  block.phase = Phase::running;
  const bool goes_on = receiver.match(receiver, message) != 0;
  if (block.phase == Phase::retiring) return true;
  if (goes_on) {
    block.phase = Phase::ready;
    return true;
  }
  // It waits again, as begin_receive would have it.
  block.phase = Phase::receiving;
  ++block.reductions;
  if (--block.budget <= 0) [[unlikely]]
    block.yielded = true;
  return false;
}

// The same for all that waits in the queue. False: it has come to its end, or to the end of what it
// may do now.
bool serve_queue(Block& block, Receiver& receiver) noexcept {
  while (Envelope* message = block.queue.head) {
    if (block.doomed || block.yielded) return false;
    unlink_message(*context.runtime, block, nullptr, message);
    if (serve(block, receiver, message)) return !block.doomed;
    // With a limit the newest decide what is left of the oldest.
    if (block.limited.load(std::memory_order_relaxed) != 0) [[unlikely]]
      take_mail(*context.runtime, block);
  }
  return false;
}

// Whether what the process waits for is there.
bool can_go_on(Block& block) noexcept {
  switch (block.phase) {
    case Phase::ready:
    case Phase::running:
    case Phase::retiring:
      return true;
    case Phase::receiving:
      if (is_in_place(*block.receiver)) return serve_queue(block, *block.receiver);
      // A message that fits beats a timeout that has come as well.
      return scan(block, *block.receiver) || block.timed_out || block.receiver->timeout_ns == 0;
    case Phase::replying:
      return block.wait->done || block.timed_out || block.wait->timeout_ns == 0;
    case Phase::hibernating:
      return block.queue.head != nullptr;
  }
  std::unreachable();
}

// Lets go of the stack of a process that hibernates, innermost frame first.
void change_body(Block& block) noexcept {
  destroy_frames(block);
  block.body = std::exchange(block.relations->next_body, {});
  block.body.promise().process = &block.continuation();
  block.continuation().next = block.body;
  block.sleeper = nullptr;
  block.phase = Phase::hibernating;
}

// Whether there is nothing in it: a call that was served has left it behind, 500 bytes.
bool is_unused(const Relations& all) noexcept {
  return all.links.empty() && all.monitors.empty() && all.monitored_by.empty() &&
         all.aliases.empty() && all.outstanding.empty() && all.dictionary.empty() &&
         all.label.empty() && !all.untaken && !all.heir && all.suspenders.empty() &&
         all.suspending.empty() && all.locals.empty() && all.end_duties.empty() && !all.next_body &&
         !all.limit;
}

// The same, and nothing is left but its sleeper.
void retire(RuntimeState& runtime, Block& block) noexcept {
  Dormant* sleeper = block.sleeper;
  destroy_frames(block);
  block.continuation().next = {};
  block.yielded = false;
  if (block.clock) {
    stop_clock(runtime, block);
    delete std::exchange(block.clock, nullptr);
  }
  if (block.relations && is_unused(*block.relations)) {
    delete std::exchange(block.relations, nullptr);
  }
  block.sleeper = sleeper;
  block.phase = Phase::hibernating;
}

// Gives a sleeper a body. What its kind throws ends the process.
std::exception_ptr wake(Block& block) noexcept {
  DormantPtr sleeper{std::exchange(block.sleeper, nullptr)};
  const DormantKind& kind = *sleeper.get()->kind;
  try {
    block.body = kind.wake(block, std::move(sleeper)).release();
  } catch (...) {
    return std::current_exception();
  }
  block.body.promise().process = &block.continuation();
  block.continuation().next = block.body;
  return nullptr;
}

std::int64_t timeout_of(const Block& block) noexcept {
  if (block.phase == Phase::receiving) return block.receiver->timeout_ns;
  if (block.phase == Phase::replying) return block.wait->timeout_ns;
  return -1;
}

void start_clock(RuntimeState& runtime, Block& block, WaitClock& clock) {
  clock.id = fresh_ref(runtime);
  clock.timer = runtime.executor->start_timer(
      runtime.node, clock.limit_ns,
      TimerTask{.to = block.pid(), .message = nullptr, .wait_id = clock.id});
  clock.timer_ns = clock.limit_ns;
}

[[gnu::noinline]] void restart_clock(RuntimeState& runtime, Block& block, bool stays) {
  stop_clock(runtime, block);
  block.clock->stays = stays;
  start_clock(runtime, block, *block.clock);
}

// The process is about to sleep in a wait with a limit.
void set_limit(RuntimeState& runtime, Block& block, WaitClock& clock, std::int64_t timeout_ns) {
  if (clock.limit_ns != WaitClock::never) return;  // woken for nothing
  const std::int64_t now = timeout_ns >= WaitClock::rough_from_ns ? runtime.executor->rough_now_ns()
                                                                  : runtime.executor->now_ns();
  clock.limit_ns = timeout_ns >= WaitClock::never - now ? WaitClock::never - 1 : now + timeout_ns;
  if (clock.timer_ns <= clock.limit_ns) return;
  restart_clock(runtime, block, timeout_ns <= WaitClock::stays_ns);
}

// Messages join the queue, signals act. `limited`: the mailbox has a limit.
void take_in(RuntimeState& runtime, Block& block, Envelope* envelope, bool limited) noexcept {
  while (envelope) {
    Envelope* next = envelope->next;
    if (envelope->type->kind == EnvelopeKind::message && !limited) [[likely]] {
      block.queue.append(envelope);
    } else {
      handle_signal(runtime, block, envelope);
      if (block.doomed) [[unlikely]] {
        relations_of(block).untaken = next;
        return;
      }
    }
    envelope = next;
  }
  if (limited) [[unlikely]]
    settle_limited_mail(runtime, block);
}

// The same for what has come out of the inbox of a process without a limit, newest first.
void take_in_newest(RuntimeState& runtime, Block& block, Envelope* newest) noexcept {
  bool all_wait;
  Envelope* oldest = reversed(newest, all_wait);
  if (!all_wait) return take_in(runtime, block, oldest, false);
  block.queue.append(oldest, newest);
}

// The commonest cases, without the queue: the process stands in a receive, and one message has
// come, which fits; or it waits for a reply, and that has come. False: nothing of the kind, or it
// was handled in its place, and whatever has come has been taken in.
bool take_one(RuntimeState& runtime, Block& block) noexcept {
  if (block.doomed) return false;
  if (block.limited.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    take_mail(runtime, block);
    return false;
  }
  Envelope* mail = block.inbox.take_all();
  if (!mail) return false;
  const EnvelopeKind kind = mail->type->kind;
  const Relations* relations = block.relations;
  if (mail->next || (relations && !relations->suspenders.empty())) {
    take_in_newest(runtime, block, mail);
    return false;
  }
  if ((kind == EnvelopeKind::message || kind == EnvelopeKind::call) &&
      block.phase == Phase::receiving && block.scanned == block.queue.tail) {
    Receiver& receiver = *block.receiver;
    if (is_in_place(receiver)) return serve(block, receiver, mail);
    const int clause = receiver.match(receiver, mail);
    if (clause >= 0) {
      give(block, receiver, mail, clause);
      return true;
    }
    block.queue.append(mail);
    block.scanned = mail;
    return false;
  }
  if (kind == EnvelopeKind::reply && block.phase == Phase::replying) {
    ReplyWait& wait = *block.wait;
    if (wait.id == reply_id(mail) && !wait.done) {
      wait.reply = mail;
      wait.done = true;
      return true;
    }
  }
  take_in_newest(runtime, block, mail);
  return false;
}

// Not inlined, so that a wait without a limit does not pay for its registers.
[[gnu::noinline]] void see_to_clock(RuntimeState& runtime, Block& block,
                                    std::int64_t timeout_ns) noexcept {
  if (timeout_ns >= 0) {
    if (!block.clock) block.clock = new WaitClock;
    if (!block.timed_out) set_limit(runtime, block, *block.clock, timeout_ns);
  } else if (!block.clock->stays) {
    stop_clock(runtime, block);
  }
}

// Goes to sleep in its wait; false: something has come in the meantime. True: the block belongs to
// whoever wakes it.
[[gnu::always_inline]] inline bool fall_asleep(RuntimeState& runtime, Block& block) noexcept {
  const std::int64_t timeout = timeout_of(block);
  if (timeout >= 0 || block.clock) see_to_clock(runtime, block, timeout);
  return block.inbox.sleep();
}

// Whether it has just looked at all it has, and waits for more.
bool has_looked(const Block& block) noexcept {
  if (block.phase == Phase::replying) return !block.wait->done;
  return block.phase == Phase::receiving && !(block.queue.head && is_in_place(*block.receiver));
}

}  // namespace

void take_mail(RuntimeState& runtime, Block& block) noexcept {
  // Nothing acts on it any more; what comes now is refused when it ends.
  if (block.doomed) return;
  const bool limited = block.limited.load(std::memory_order_relaxed) != 0;
  if (limited) [[unlikely]]
    return take_in(runtime, block, reversed(take_limited_mail(block)), true);
  if (Envelope* mail = block.inbox.take_all()) take_in_newest(runtime, block, mail);
}

void stop_clock(RuntimeState& runtime, Block& block) noexcept {
  WaitClock& clock = *block.clock;
  if (!clock.runs()) return;
  clock.timer_ns = WaitClock::never;
  clock.id = 0;  // a TimeoutSignal that is under way finds nobody
  (void)runtime.executor->cancel_timer(clock.timer);
}

void take_timeout(RuntimeState& runtime, Block& block, std::uint64_t timer_id) noexcept {
  if (!block.clock || block.clock->id != timer_id) return;
  WaitClock& clock = *block.clock;
  clock.id = 0;
  clock.timer_ns = WaitClock::never;
  if (clock.limit_ns == WaitClock::never) return;  // that wait has ended
  const std::int64_t rest = clock.limit_ns - runtime.executor->now_ns();
  if (rest > 0) {
    clock.stays = rest <= WaitClock::stays_ns;
    return start_clock(runtime, block, clock);
  }
  block.timed_out = true;
}

bool activate(RuntimeState& runtime, Block& block, std::int16_t budget) noexcept {
  context.process = &block;
  context.runtime = &runtime;
  context.stack_base = __builtin_frame_address(0);
  context.sent_ahead = 0;
  block.budget = budget;
  bool yields = false;
  for (;;) {
    const bool is_served = take_one(runtime, block);
    if (block.doomed) [[unlikely]] {
      end_process(runtime, block, std::move(relations_of(block).fate));
      break;
    }
    const bool suspended = block.relations && !block.relations->suspenders.empty();
    if (suspended || (!is_served && !can_go_on(block))) {
      if (block.doomed) [[unlikely]]
        continue;
      if (block.yielded) [[unlikely]] {
        block.yielded = false;
        yields = true;
        break;
      }
      if (fall_asleep(runtime, block)) break;
      continue;
    }
    if (block.clock) block.clock->limit_ns = WaitClock::never;
    if (block.phase == Phase::hibernating && block.sleeper) [[unlikely]] {
      if (std::exception_ptr failure = wake(block)) {
        end_process(runtime, block, ExitReason::from_exception(std::move(failure)));
        break;
      }
    }
    if (block.phase != Phase::retiring) block.phase = Phase::running;
    do {
      block.continuation().next.resume();
    } while (is_running(block) && block.continuation().next);
    // Its fate is decided, wherever its coroutines have got to in the meantime.
    if (block.doomed) [[unlikely]]
      continue;
    if (!block.continuation().next) {
      std::exception_ptr failure = std::move(block.body.promise().failure);
      end_process(runtime, block,
                  failure ? ExitReason::from_exception(std::move(failure)) : ExitReason{});
      break;
    }
    if (block.phase == Phase::hibernating) {
      retire(runtime, block);
      continue;
    }
    if (block.relations && block.relations->next_body) {
      block.yielded = false;
      change_body(block);
      continue;
    }
    if (block.yielded) {
      block.yielded = false;
      yields = true;
      break;
    }
    if (has_looked(block) && fall_asleep(runtime, block)) break;
  }
  context.process = nullptr;
  context.runtime = nullptr;
  return yields;
}

// --- What awaiters call, inside the coroutine that awaits.

namespace {

// The part of begin_receive for a process that has mail. Not inlined, so that one without does not
// pay for its registers.
[[gnu::noinline]] bool find_message(Block& block, Receiver& receiver) noexcept {
  // With a limit the newest decide what is left of the oldest.
  const bool limited = block.limited.load(std::memory_order_relaxed) != 0;
  if (!limited && block.queue.head && scan(block, receiver)) return true;
  if (limited || block.inbox.has_mail()) {
    take_mail(*context.runtime, block);
    if (block.doomed) return false;
    if (scan(block, receiver)) return true;
  }
  return receiver.timeout_ns == 0;
}

}  // namespace

bool begin_receive(Process& self, Receiver& receiver) {
  Block& block = Block::of(self);
  TROUPE_ASSERT(context.process == &block,
                "a Process& was used outside of the process it belongs to");
  if (receiver.timeout_ns < -1) throw ErrorException{Atom{"timeout_value"}};
  if (block.doomed || block.phase == Phase::retiring) [[unlikely]]
    return false;
  block.timed_out = false;
  block.scanned = nullptr;
  ++block.reductions;
  if (--block.budget <= 0) [[unlikely]] {
    block.yielded = true;
    return false;
  }
  if (is_in_place(receiver)) return false;
  if (block.queue.head || block.inbox.has_mail() ||
      block.limited.load(std::memory_order_relaxed) != 0) {
    return find_message(block, receiver);
  }
  return receiver.timeout_ns == 0;
}

void suspend_receive(Process& self, Receiver& receiver) noexcept {
  Block& block = Block::of(self);
  if (block.phase == Phase::retiring) {
    block.phase = Phase::hibernating;  // its sleeper takes over here
    return;
  }
  block.receiver = &receiver;
  block.phase = Phase::receiving;
}

bool begin_reply_wait(Process& self, ReplyWait& wait) {
  Block& block = Block::of(self);
  TROUPE_ASSERT(context.process == &block,
                "a Process& was used outside of the process it belongs to");
  if (wait.timeout_ns < -1) throw ErrorException{Atom{"timeout_value"}};
  TROUPE_ASSERT(block.phase != Phase::retiring, "a handler has waited after its sleep_as");
  block.timed_out = false;
  ++block.reductions;
  if (wait.done && !block.doomed) return true;  // enlisted, and answered in the meantime
  if (block.relations && !block.relations->outstanding.empty()) {
    block.relations->outstanding.erase(wait.id);
  }
  block.wait = &wait;
  block.phase = Phase::replying;  // so that take_mail finds the wait
  if (block.doomed) [[unlikely]]
    return false;
  if (--block.budget <= 0) [[unlikely]] {
    block.yielded = true;
    return false;
  }
  if (block.inbox.has_mail()) {
    take_mail(*context.runtime, block);
    if (block.doomed) return false;
  }
  if (!wait.done && wait.timeout_ns != 0) return false;
  block.phase = Phase::running;
  return true;
}

void suspend_reply_wait(Process&, ReplyWait&) noexcept {}

void Yield::await_suspend(std::coroutine_handle<>) noexcept {
  Block& block = Block::of(self_);
  TROUPE_ASSERT(context.process == &block,
                "a Process& was used outside of the process it belongs to");
  TROUPE_ASSERT(block.phase != Phase::retiring, "a handler has waited after its sleep_as");
  ++block.reductions;
  block.phase = Phase::ready;
  block.yielded = true;
}

Process* current_process() noexcept { return context.process; }

std::uint64_t next_reply_id(Process&) { return fresh_ref(*context.runtime); }

}  // namespace troupe::detail
