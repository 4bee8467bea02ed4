// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The way of an envelope: from an address to a slot, into the slot's inbox by one compare-and-swap,
// and, where that ended the receiver's sleep, into a run queue. Nobody else does that for this
// sleep (see Inbox).
#include <troupe/detail/call.hpp>

#include "runtime/activation.hpp"
#include "runtime/signal.hpp"

namespace troupe::detail {

namespace {

enum class Delivery : std::uint8_t { done, nobody };

// Leaves the envelope to the caller when nobody has the address.
inline Delivery try_deliver(Pid to, Envelope* envelope) noexcept {
  Block* block = slot_of(to);
  if (!block) return Delivery::nobody;
  switch (block->inbox.push(block->generation, to.generation(), envelope)) {
    case Inbox::Push::delivered:
      return Delivery::done;
    case Inbox::Push::wakes:
      runtime_of(to.node())->executor->enqueue(*block);
      return Delivery::done;
    case Inbox::Push::nobody:
      return Delivery::nobody;
  }
  std::unreachable();
}

RuntimeState& current_runtime() {
  if (!context.process) {
    throw ErrorException{tuple({atoms::badarg, Term{Atom{"not_inside_a_process"}}})};
  }
  return *context.runtime;
}

}  // namespace

bool post(Pid to, Envelope* envelope) noexcept {
  if (try_deliver(to, envelope) == Delivery::done) return true;
  free_envelope(envelope);
  return false;
}

void deliver(Pid to, Envelope* envelope) noexcept { post(to, envelope); }

void deliver_limited(Pid to, Envelope* envelope) { post(to, envelope); }

void deliver(Atom to, Envelope* envelope) {
  Pid pid;
  try {
    pid = current_runtime().names.find(to);
    if (!pid) throw ErrorException{atoms::badarg};
  } catch (...) {
    free_envelope(envelope);
    throw;
  }
  deliver_limited(pid, envelope);
}

void deliver(const Alias& to, Envelope* envelope) {
  post(to.owner, make_signal<AliasMessage>(to.ref.id(), envelope));
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
  if (try_deliver(head.server, envelope) == Delivery::done) return;
  free_envelope(envelope);
  deliver_reply(head.caller, make_reply(head.id, PeerDown{ExitReason{atoms::noproc}}));
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
