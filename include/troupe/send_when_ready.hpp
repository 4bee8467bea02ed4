// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <utility>

#include <troupe/detail/patient_send.hpp>
#include <troupe/process.hpp>

namespace troupe {

// Back pressure: sends a message as soon as the receiver's mailbox has room for it, and waits until
// then. For producers that can be slowed down; those that cannot want a policy at the receiver
// (Process::set_mailbox_limit) or a request that is answered.
//
//     self.set_mailbox_limit(1'000, Overflow::reject_sender);           // in the consumer
//     ...
//     for (const Line& line : lines) co_await send_when_ready(self, consumer, line);
//
// Senders that wait are let in in the order in which they came, one for each message the receiver
// takes, whatever its policy is. A receiver without a limit is always ready.
//
// True: the message is in the mailbox, or the receiver is gone (which a send does not tell either).
// False: no room within `timeout`; the message was destroyed. A sender that ends while it waits
// takes its message along. Throws ErrorException{system_limit} for the caller's own full mailbox,
// where it would wait for ever.
template <Message M>
detail::PatientSend send_when_ready(Process& self, Pid to, M message, Duration timeout = infinity) {
  return {self, to, detail::make_envelope<M>(std::move(message)), timeout};
}

// To whoever has the name now. Throws ErrorException{badarg} if nobody has it.
template <Message M>
detail::PatientSend send_when_ready(Process& self, Name to, M message,
                                    Duration timeout = infinity) {
  detail::Envelope* envelope = detail::make_envelope<M>(std::move(message));
  const Pid pid = detail::holder_of(to.atom, envelope);
  return {self, pid, envelope, timeout};
}

// To an alias; whether it is active is decided when its owner takes the message.
template <Message M>
detail::PatientSend send_when_ready(Process& self, const Alias& to, M message,
                                    Duration timeout = infinity) {
  detail::Envelope* envelope = detail::make_envelope<M>(std::move(message));
  return {self, to.owner, detail::through_alias(to, envelope), timeout};
}

}  // namespace troupe
