// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <utility>

#include <troupe/detail/reply.hpp>
#include <troupe/process.hpp>

namespace troupe::detail {

// Request and reply, as the runtime carries them; GenServer gives them types.
//
// A call envelope is request and monitor in one: should the server end before the answer, the
// caller gets Reply<PeerDown> with its reason (noproc if it was gone already). As long as the
// request waits in the server's queue it is its own note of that. Whoever takes it out notes `id`
// among the server's monitors (note_call), and answering takes the note away; a server that answers
// before it does anything else needs none. So a call costs two envelopes, and none of OTP's
// guarantees: the monitor is set before the request can be seen, nothing is left behind, and a late
// reply finds nobody waiting for its id.
//
// Before, each call was noted in a table that every server had.
struct CallHead {
  Pid caller;
  Pid server;            // as the caller addressed it
  std::uint64_t id = 0;  // of the caller's ReplyWait
};

// A request of type M: the head comes first, so that the runtime finds it whatever M is.
template <class M>
struct Call {
  CallHead head;
  M request;
};

template <class M>
Envelope* make_call(CallHead head, M request) {
  return make_envelope<Call<M>, EnvelopeKind::call>(head, std::move(request));
}
template <class M>
bool is_call_of(const Envelope* envelope) noexcept {
  return envelope->type == &message_type<Call<M>, EnvelopeKind::call>;
}
inline CallHead& call_head(Envelope* envelope) noexcept { return value_of<CallHead>(envelope); }

// Notes a call that was taken out of the queue and is not answered yet: if the server ends, its
// caller is told. A call that has been answered already may be noted: that reaches nobody.
void note_call(Process& server, const CallHead& head);
// Notes it when it goes out of scope without having been answered: of an exception, or of the end.
class UnansweredCall {
 public:
  UnansweredCall(Process& server, const CallHead& head) noexcept : server_{&server}, head_{head} {}
  UnansweredCall(const UnansweredCall&) = delete;
  ~UnansweredCall() {
    if (server_) note_call(*server_, head_);
  }
  void answer(Envelope* reply) noexcept {
    server_ = nullptr;
    deliver_reply(head_.caller, reply);
  }

 private:
  Process* server_;
  const CallHead& head_;
};

// Sends it to call_head(envelope).server; to a dead one: the caller gets its PeerDown at once.
void send_call(Envelope* envelope) noexcept;
// Sends the answer (made by make_reply with head.id) and ends the call's monitor. From any process.
void answer_call(const CallHead& head, Envelope* reply) noexcept;
// The caller gives up: ends the monitor; an answer that is under way will be dropped.
void abandon_call(Process& self, const CallHead& head) noexcept;

}  // namespace troupe::detail
