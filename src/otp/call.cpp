// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/pending_call.hpp>

namespace troupe {

std::string CallError::to_string() const {
  switch (code) {
    case Code::timeout:
      return "no answer in time; the server was not told, and an answer that comes now is dropped";
    case Code::noproc:
      return "there is no such process: it has ended, or nobody has the name (a supervised server "
             "is away while it is restarted)";
    case Code::calling_self:
      return "a server cannot call itself: it would wait for ever. Call the function directly, or "
             "cast";
    case Code::down:
      return "the server ended before it answered: " + reason.to_string();
  }
  std::unreachable();
}

CallException::CallException(CallError error, ExitReason reason)
    : ExitException{std::move(reason)},
      error_{std::move(error)},
      text_{"call failed: " + error_.to_string()} {}

namespace detail {

Pid CallTarget::find() const {
  if (name == atoms::undefined) return pid;
  const Pid holder = whereis(name);
  return !wanted || (holder && behaviour_of(holder) == wanted) ? holder : Pid{};
}

Term CallTarget::term() const {
  if (name != atoms::undefined) return name;
  return pid ? Term{pid} : Term{atoms::undefined};
}

CallError call_error(CallError::Code without_reply, Pid server, Envelope* reply) {
  if (reply) {
    ExitReason reason = std::move(value_of<Reply<PeerDown>>(reply).value.reason);
    const auto code = reason.is(atoms::noproc) ? CallError::Code::noproc : CallError::Code::down;
    return CallError{code, std::move(reason), server};
  }
  switch (without_reply) {
    case CallError::Code::noproc:
      return CallError{without_reply, ExitReason{atoms::noproc}};
    case CallError::Code::calling_self:
      return CallError{without_reply, ExitReason{"calling_self"}, server};
    default:
      return CallError{CallError::Code::timeout, ExitReason{atoms::timeout}, server};
  }
}

bool PendingCall::begin() {
  const Pid server = target_.find();
  request_name_ = request_.get()->type->name;
  if (!server) {
    failure_ = CallError::Code::noproc;
    return true;
  }
  if (server == self_->pid()) {
    failure_ = CallError::Code::calling_self;
    head_.server = server;
    return true;
  }
  const Pid self = self_->pid();
  const std::uint64_t id = next_reply_id(*self_);
  wait_.id = id;
  wait_.timeout_ns = timeout_ == infinity ? -1 : timeout_.count();
  head_ = CallHead{self, server, id};
  // Not a copy of the one above: words that have just been written in parts cannot be read as one
  // before they are in the cache.
  call_head(request_.get()) = CallHead{self, server, id};
  send_call(request_.release());
  return begin_reply_wait(*self_, wait_);
}

CallError PendingCall::failure(OwnedEnvelope reply) {
  if (!reply.get() && failure_ == CallError::Code::timeout) abandon_call(*self_, head_);
  return call_error(failure_, head_.server, reply.get());
}

void PendingCall::throw_failure(OwnedEnvelope reply) {
  CallError error = failure(std::move(reply));
  const Term limit =
      timeout_ == infinity ? Term{atoms::infinity} : Term{timeout_ / std::chrono::milliseconds{1}};
  ExitReason reason{tuple(
      {error.reason.term(), tuple({Term{Atom{"gen_server"}}, atoms::call,
                                   list({target_.term(), Term::binary(request_name_), limit})})})};
  throw CallException{std::move(error), std::move(reason)};
}

}  // namespace detail
}  // namespace troupe
