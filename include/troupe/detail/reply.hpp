// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <coroutine>
#include <cstdint>
#include <utility>

#include <troupe/detail/receive.hpp>
#include <troupe/detail/take.hpp>
#include <troupe/duration.hpp>
#include <troupe/exit_reason.hpp>
#include <troupe/message.hpp>
#include <troupe/pid.hpp>

namespace troupe {

class Process;

namespace detail {

// An answer that skips the user's queue: a call's reply, a finished blocking job, a ready socket,
// an answered question. It travels in the ordinary inbox, and goes to the wait with the same id
// when it is taken; if nobody waits for that id any more it is dropped, which is all that OTP's
// alias of a call is for. The value follows the id in the envelope.
template <class T>
struct Reply {
  std::uint64_t id;
  T value;
};

// What arrives in place of a reply when the process that was asked has ended.
struct PeerDown {
  ExitReason reason;
};

// Every reply envelope begins so, whatever its value.
inline std::uint64_t reply_id(Envelope* envelope) noexcept {
  return value_of<std::uint64_t>(envelope);
}

template <class T>
Envelope* make_reply(std::uint64_t id, T value) {
  return make_envelope<Reply<T>, EnvelopeKind::reply>(id, std::move(value));
}

template <class T>
bool is_reply_of(const Envelope* envelope) noexcept {
  return envelope->type == &message_type<Reply<T>, EnvelopeKind::reply>;
}

// The one wait for a reply that a process stands in.
struct ReplyWait {
  std::uint64_t id = 0;
  std::int64_t timeout_ns = -1;  // -1: for ever
  Envelope* reply = nullptr;     // null after the wait: the timeout
  bool done = false;
};

// A fresh id for a wait of this process; also what a Ref is made of.
std::uint64_t next_reply_id(Process& self);
// True: the reply is there already, go on at once.
bool begin_reply_wait(Process& self, ReplyWait& wait);
void suspend_reply_wait(Process& self, ReplyWait& wait) noexcept;
// Lets the reply come while the process does something else: begin_reply_wait with the same wait
// takes it up later. The wait must stay where it is until then, or until it is forgotten.
void enlist_reply_wait(Process& self, ReplyWait& wait);
// Ends the wait early: a reply that comes now is dropped.
void forget_reply_wait(Process& self, ReplyWait& wait) noexcept;
// Sends a reply made by make_reply, from any thread. Dropped if the process is gone.
void deliver_reply(Pid to, Envelope* reply) noexcept;

// Waits for the reply with `wait.id`; yields the envelope (owned by the caller), null on timeout.
class [[nodiscard]] ReplyAwaiter {
 public:
  ReplyAwaiter(Process& self, std::uint64_t id, Duration timeout) noexcept : self_{self} {
    wait_.id = id;
    wait_.timeout_ns = nanoseconds_of(timeout);
  }
  ReplyAwaiter(const ReplyAwaiter&) = delete;
  ~ReplyAwaiter() {
    if (wait_.reply) free_envelope(wait_.reply);
  }

  bool await_ready() { return begin_reply_wait(self_, wait_); }
  void await_suspend(std::coroutine_handle<>) noexcept { suspend_reply_wait(self_, wait_); }
  Envelope* await_resume() noexcept { return take(wait_.reply); }

 private:
  Process& self_;
  ReplyWait wait_;
};

// `self.yield()`: to the tail of the run queue.
class [[nodiscard("a yield yields only when it is awaited")]] Yield {
 public:
  explicit Yield(Process& self) noexcept : self_{self} {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) noexcept;
  void await_resume() const noexcept {}

 private:
  Process& self_;
};

}  // namespace detail
}  // namespace troupe
