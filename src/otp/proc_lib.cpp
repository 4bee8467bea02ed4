// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/proc_lib.hpp>

#include "otp/child_stop.hpp"

namespace troupe::detail {

Async<AcknowledgedStart> await_ack(Process& self, Pid pid, bool is_linked, Duration timeout) {
  const CallerPlace place{self};
  const CallHead head{self.pid(), pid, next_reply_id(self)};
  send_call(make_call(head, StartToken{}));
  OwnedEnvelope reply{co_await place(ReplyAwaiter{self, head.id, timeout})};
  AcknowledgedStart start{.pid = pid, .error = {}};
  if (!reply.get()) {
    start.error.code = StartError::Code::timeout;
    start.error.reason = ExitReason{atoms::timeout};
    co_await place(kill_late_start(self, pid, is_linked));
  } else if (is_reply_of<PeerDown>(reply.get())) {
    start.error.reason = std::move(value_of<Reply<PeerDown>>(reply.get()).value.reason);
  } else {
    start.reply = std::move(reply);
  }
  co_return start;
}

}  // namespace troupe::detail
