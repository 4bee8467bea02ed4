// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/request.hpp>

namespace troupe::detail {

SentRequest::SentRequest(Process& self, CallTarget target, OwnedEnvelope request) : self_{self} {
  const Pid server = target.find();
  if (!server) return;
  server_ = server;
  if (server == self.pid()) {
    failure_ = CallError::Code::calling_self;
    return;
  }
  wait_.id = next_reply_id(self);
  call_head(request.get()) = CallHead{self.pid(), server, wait_.id};
  enlist_reply_wait(self, wait_);
  failure_ = CallError::Code::timeout;
  was_sent_ = true;
  send_call(request.release());
}

void SentRequest::give_up() noexcept {
  if (!was_sent_ || was_taken_) return;
  was_taken_ = true;
  forget_reply_wait(self_, wait_);
  if (wait_.reply) {
    free_envelope(std::exchange(wait_.reply, nullptr));
  } else {
    abandon_call(self_, CallHead{self_.pid(), server_, wait_.id});
  }
}

bool SentRequest::begin(Duration timeout) {
  if (!was_sent_ || was_taken_) return true;
  wait_.timeout_ns = timeout == infinity ? -1 : timeout.count();
  return begin_reply_wait(self_, wait_);
}

Envelope* SentRequest::take() noexcept {
  if (!was_sent_ || was_taken_) return nullptr;
  if (!wait_.done) {
    // Timed out: the reply may still come, and is kept for the next attempt.
    enlist_reply_wait(self_, wait_);
    return nullptr;
  }
  was_taken_ = true;
  return std::exchange(wait_.reply, nullptr);
}

CallError SentRequest::failure(Envelope* reply) const {
  return call_error(failure_, server_, reply);
}

Duration left_of(Duration timeout, const Process& self, Duration begin) noexcept {
  if (timeout == infinity) return infinity;
  const Duration spent = self.monotonic_time() - begin;
  return spent < timeout ? timeout - spent : Duration::zero();
}

}  // namespace troupe::detail
