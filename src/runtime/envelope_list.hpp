// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/message.hpp>

namespace troupe::detail {

// Turns a list that was built by pushing at the front into the order of arrival.
inline Envelope* reversed(Envelope* list) noexcept {
  Envelope* result = nullptr;
  while (list) {
    Envelope* next = list->next;
    list->next = result;
    result = list;
    list = next;
  }
  return result;
}

// The messages a process has taken from its inbox and not yet received, oldest first. Singly
// linked; the owner alone touches it.
struct MessageQueue {
  Envelope* head = nullptr;
  Envelope* tail = nullptr;

  void append(Envelope* envelope) noexcept {
    envelope->next = nullptr;
    (tail ? tail->next : head) = envelope;
    tail = envelope;
  }

  // `before` is the one in front of `envelope`, null if it is the head.
  void unlink(Envelope* before, Envelope* envelope) noexcept {
    (before ? before->next : head) = envelope->next;
    if (tail == envelope) tail = before;
  }
};

}  // namespace troupe::detail
