// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <coroutine>
#include <cstdint>
#include <utility>

#include <troupe/detail/reply.hpp>
#include <troupe/process.hpp>

namespace troupe::detail {

struct MailboxLimit;

// A message that waits for room in a mailbox, in the frame of its sender. While it does, the
// limit's lock guards it.
struct ParkedSend {
  Envelope* envelope = nullptr;   // null: handed over
  MailboxLimit* limit = nullptr;  // the sender's: whose lock to take; null while it is not parked
  ParkedSend* next = nullptr;
  ParkedSend* previous = nullptr;
  Pid sender;
  std::uint64_t id = 0;  // of the sender's ReplyWait
};

// True: delivered, or nobody has the address; the envelope is gone. False: it is parked.
bool deliver_or_park(Process& self, Pid to, ParkedSend& parked);
// Ends the attempt. False: it was handed over already. True: it was not, and is freed.
bool withdraw(ParkedSend& parked) noexcept;

// Resolves a name for the caller. Throws ErrorException{badarg}, and frees the envelope, if nobody
// has it.
Pid holder_of(Atom name, Envelope* envelope);
Envelope* through_alias(const Alias& alias, Envelope* envelope);

class [[nodiscard("a send that may wait does nothing until it is awaited")]] PatientSend {
 public:
  PatientSend(Process& self, Pid to, Envelope* envelope, Duration timeout) noexcept
      : self_{self}, to_{to} {
    parked_.envelope = envelope;
    wait_.timeout_ns = nanoseconds_of(timeout);
  }
  PatientSend(const PatientSend&) = delete;
  ~PatientSend() {
    (void)withdraw(parked_);
    if (wait_.reply) free_envelope(wait_.reply);
  }

  bool await_ready() {
    wait_.id = parked_.id = next_reply_id(self_);
    if (deliver_or_park(self_, to_, parked_)) return true;
    return begin_reply_wait(self_, wait_);
  }
  void await_suspend(std::coroutine_handle<>) noexcept { suspend_reply_wait(self_, wait_); }
  bool await_resume() noexcept { return !withdraw(parked_); }

 private:
  Process& self_;
  Pid to_;
  ParkedSend parked_;
  ReplyWait wait_;
};

}  // namespace troupe::detail
