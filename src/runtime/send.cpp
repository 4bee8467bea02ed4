// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The way of an envelope: from an address to a slot, into the slot's inbox by one compare-and-swap,
// and, where that ended the receiver's sleep, into a run queue. Nobody else does that for this
// sleep (see Inbox).
#include <troupe/detail/call.hpp>
#include <troupe/detail/calling_process.hpp>
#include <troupe/detail/patient_send.hpp>

#include "runtime/activation.hpp"
#include "runtime/signal.hpp"

namespace troupe::detail {

namespace {

inline Delivery push(Pid to, Block& block, Envelope* envelope) noexcept {
  switch (block.inbox.push(block.generation, to.generation(), envelope)) {
    case Inbox::Push::delivered:
      if (++context.sent_ahead % Executor::flood_messages == 0) [[unlikely]] {
        if (Executor* executor = Executor::of_this_thread) executor->flood(block);
      }
      return Delivery::done;
    case Inbox::Push::wakes:
      runtime_of(to.node())->executor->enqueue(block);
      return Delivery::done;
    case Inbox::Push::nobody:
      return Delivery::nobody;
  }
  std::unreachable();
}

// Leaves the envelope to the caller unless it is delivered.
inline Delivery try_deliver(Pid to, Envelope* envelope) noexcept {
  Block* block = slot_of(to);
  return block ? push(to, *block, envelope) : Delivery::nobody;
}

// The same for what may meet a limit: messages, and calls.
inline Delivery try_deliver_message(Pid to, Envelope* envelope) noexcept {
  Block* block = slot_of(to);
  if (!block) return Delivery::nobody;
  // Relaxed: a sender that reads an old value comes before the limit was set, or after it went.
  if (block->limited.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    return deliver_within_limit(to, *block, envelope);
  }
  return push(to, *block, envelope);
}

}  // namespace

bool post(Pid to, Envelope* envelope) noexcept {
  if (try_deliver(to, envelope) == Delivery::done) return true;
  free_envelope(envelope);
  return false;
}

void deliver(Pid to, Envelope* envelope) noexcept {
  if (try_deliver_message(to, envelope) != Delivery::done) free_envelope(envelope);
}

void deliver_limited(Pid to, Envelope* envelope) {
  const Delivery delivery = try_deliver_message(to, envelope);
  if (delivery == Delivery::done) [[likely]]
    return;
  free_envelope(envelope);
  if (delivery == Delivery::rejected) throw ErrorException{atoms::system_limit};
}

Pid holder_of(Atom name, Envelope* envelope) {
  try {
    calling_process();  // or it throws
    const Pid pid = context.runtime->names.find(name);
    if (!pid) throw ErrorException{atoms::badarg};
    return pid;
  } catch (...) {
    free_envelope(envelope);
    throw;
  }
}

Envelope* through_alias(const Alias& alias, Envelope* envelope) {
  return make_signal<AliasMessage>(alias.ref.id(), envelope);
}

void deliver(Atom to, Envelope* envelope) { deliver_limited(holder_of(to, envelope), envelope); }

void deliver(const Alias& to, Envelope* envelope) {
  deliver_limited(to.owner, through_alias(to, envelope));
}

void deliver_reply(Pid to, Envelope* reply) noexcept { post(to, reply); }

void enlist_reply_wait(Process& self, ReplyWait& wait) {
  relations_of(Block::of(self)).outstanding.insert(wait.id, &wait);
}

void forget_reply_wait(Process& self, ReplyWait& wait) noexcept {
  Block& block = Block::of(self);
  if (block.relations) block.relations->outstanding.erase(wait.id);
}

void send_call(Envelope* envelope) noexcept {
  const CallHead head = call_head(envelope);
  const Delivery delivery = try_deliver_message(head.server, envelope);
  if (delivery == Delivery::done) return;
  free_envelope(envelope);
  // A full mailbox fails the call at once, whatever its policy: the caller waits for an answer.
  const Atom why = delivery == Delivery::nobody ? atoms::noproc : atoms::system_limit;
  deliver_reply(head.caller, make_reply(head.id, PeerDown{ExitReason{why}}));
}

void note_call(Process& server, const CallHead& head) {
  relations_of(Block::of(server)).monitored_by.insert(head.id, WatcherEnd{head.caller, true});
}

void answer_call(const CallHead& head, Envelope* reply) noexcept {
  if (context.process && context.process->pid() == head.server) {
    if (context.process->relations) context.process->relations->monitored_by.erase(head.id);
  } else {
    post(head.server, make_signal<DemonitorSignal>(head.id));
  }
  deliver_reply(head.caller, reply);
}

void abandon_call(Process&, const CallHead& head) noexcept {
  post(head.server, make_signal<DemonitorSignal>(head.id));
}

}  // namespace troupe::detail
