// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <utility>

#include <troupe/process.hpp>

namespace troupe::detail {

// For news that must not cost the one that tells them anything: as send, but where the limit of the
// receiver's mailbox would make send throw, the message is dropped.
template <Message M>
void send_or_drop(Pid to, M message) {
  deliver(to, make_envelope<M>(std::move(message)));
}

}  // namespace troupe::detail
