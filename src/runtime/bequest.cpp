// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/bequest.hpp>

#include "runtime/activation.hpp"
#include "runtime/block.hpp"
#include "runtime/relations.hpp"

namespace troupe::detail {

WaitingMail::~WaitingMail() {
  while (first_) free_envelope(std::exchange(first_, first_->next));
}

void WaitingMail::append(WaitingMail later) noexcept {
  Envelope** end = &first_;
  while (*end) end = &(*end)->next;
  *end = std::exchange(later.first_, nullptr);
}

void WaitingMail::deliver_to(Pid pid) noexcept {
  while (Envelope* envelope = first_) {
    first_ = envelope->next;
    if (holds<Exit>(envelope) || holds<Down>(envelope)) {
      free_envelope(envelope);
    } else {
      deliver(pid, envelope);
    }
  }
}

void bequeath_mailbox(Process& self, Pid heir) { relations_of(Block::of(self)).heir = heir; }

}  // namespace troupe::detail
