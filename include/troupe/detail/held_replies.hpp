// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <vector>

#include <troupe/detail/call.hpp>

namespace troupe::detail {

// Answers to calls that must not leave yet, in the order of the calls. Their calls stay noted among
// the server's monitors: if the server ends first, its callers are told so.
class HeldReplies {
 public:
  HeldReplies() = default;
  HeldReplies(const HeldReplies&) = delete;
  ~HeldReplies() {
    for (const Held& held : all_) free_envelope(held.reply);
  }

  bool empty() const noexcept { return all_.empty(); }
  void add(const CallHead& head, Envelope* reply) { all_.push_back({head, reply}); }

  void send_all() noexcept {
    for (const Held& held : all_) answer_call(held.head, held.reply);
    all_.clear();
  }
  // Every caller gets a CallError with this reason, as if the server had ended of it.
  void fail_all(const ExitReason& reason) {
    for (const Held& held : all_) {
      free_envelope(held.reply);
      answer_call(held.head, make_reply(held.head.id, PeerDown{reason}));
    }
    all_.clear();
  }

 private:
  struct Held {
    CallHead head;
    Envelope* reply;
  };
  std::vector<Held> all_;
};

}  // namespace troupe::detail
