// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/call_error.hpp>
#include <troupe/detail/behaviour.hpp>
#include <troupe/detail/call.hpp>
#include <troupe/detail/owned_envelope.hpp>
#include <troupe/server_ref.hpp>

namespace troupe::detail {

// Whom a call is for: a process, or whoever has a name when it is sent. With `wanted`, only if that
// process is of this type.
struct CallTarget {
  constexpr explicit CallTarget(Pid process) noexcept : pid{process} {}
  constexpr explicit CallTarget(Atom holder) noexcept : name{holder} {}
  template <class S>
  static CallTarget of(ServerRef<S> server) noexcept {
    if (!server.is_named()) return CallTarget{server.pid()};
    CallTarget target{server.name()};
    target.wanted = behaviour_for<S>();
    return target;
  }
  // Null: nobody.
  Pid find() const;
  Term term() const;  // as the caller wrote it

  Pid pid;
  Atom name = atoms::undefined;
  const Behaviour* wanted = nullptr;
};

// Why a call has no answer: `reply` is the PeerDown that came instead, or null, and then
// `without_reply` tells: timeout, or why it was not sent.
CallError call_error(CallError::Code without_reply, Pid server, Envelope* reply);

// A call that is about to be sent, or waits: the part that does not know its types.
class PendingCall {
 public:
  PendingCall(Process& self, CallTarget target, OwnedEnvelope request, Duration timeout) noexcept
      : self_{&self}, target_{target}, request_{std::move(request)}, timeout_{timeout} {}
  PendingCall(const PendingCall&) = delete;

 protected:
  // Sends the request and begins to wait; true: there is an outcome already.
  bool begin();
  // Why there was no reply; `reply` is the PeerDown, or null.
  CallError failure(OwnedEnvelope reply);
  [[noreturn]] void throw_failure(OwnedEnvelope reply);

  ~PendingCall() {
    if (wait_.reply) free_envelope(wait_.reply);
  }

  Process* self_;
  CallTarget target_;
  OwnedEnvelope request_;  // null once it is sent
  std::string_view request_name_;
  Duration timeout_;
  CallHead head_;
  CallError::Code failure_ = CallError::Code::timeout;  // another one: it was never sent
  ReplyWait wait_;
};

}  // namespace troupe::detail
