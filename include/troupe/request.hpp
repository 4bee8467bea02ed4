// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/call.hpp>
#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/unique.hpp>

namespace troupe {

namespace detail {

// A call that was sent and is not awaited yet. Stays where it is: the process knows it by address.
//
// Of many under way each is written three times, cold but for the first, so it is as small as it
// can be, and from the pool. 48 bytes have a size class to themselves here, which counts: with 56
// they shared one with requests, whose envelopes come back in another order, and one of 64,000
// cost 144 ns instead of 122 (130 from malloc; one of 1,000 cost 75, 73 and 90).
class SentRequest {
 public:
  SentRequest(Process& self, CallTarget target, OwnedEnvelope request);
  SentRequest(const SentRequest&) = delete;
  // The answer is not wanted any more: the server's monitor ends, a late reply is dropped.
  ~SentRequest() { give_up(); }
  void* operator new(std::size_t size) { return allocate(size); }
  void operator delete(void* memory, std::size_t size) noexcept { deallocate(memory, size); }
  void give_up() noexcept;

  bool begin(Duration timeout);
  void suspend() noexcept { suspend_reply_wait(self_, wait_); }
  // The reply, or null with `failure` telling why there is none. After a timeout the request
  // stands, and may be awaited again.
  Envelope* take() noexcept;
  CallError failure(Envelope* reply) const;

 private:
  [[no_unique_address]] ReplyWait wait_;  // the next three lie in its last word
  bool was_sent_ = false;
  bool was_taken_ = false;
  CallError::Code failure_ = CallError::Code::noproc;  // of a request without a reply
  Pid server_;
  Process& self_;
};
static_assert(sizeof(SentRequest) == 48);

// Of a time that began at this moment of the node's clock.
Duration left_of(Duration timeout, const Process& self, Duration begin) noexcept;

template <class R>
class [[nodiscard("a response waits only when it is awaited")]] ResponseAwaiter {
 public:
  ResponseAwaiter(SentRequest& request, Duration timeout, bool is_last = false) noexcept
      : request_{request}, timeout_{timeout}, is_last_{is_last} {}
  bool await_ready() { return request_.begin(timeout_); }
  void await_suspend(std::coroutine_handle<>) noexcept { request_.suspend(); }
  std::expected<R, CallError> await_resume() {
    using Kept = ReplyValue<R>;
    OwnedEnvelope reply{request_.take()};
    if (!reply.get() || !is_reply_of<Kept>(reply.get())) {
      std::expected<R, CallError> failed{std::unexpect, request_.failure(reply.get())};
      if (is_last_) request_.give_up();
      return failed;
    }
    if constexpr (std::is_void_v<R>) {
      return {};
    } else {
      return std::move(value_of<Reply<Kept>>(reply.get()).value);
    }
  }

 private:
  SentRequest& request_;
  Duration timeout_;
  bool is_last_;
};

}  // namespace detail

// A call whose answer is fetched later, so that many can be outstanding at once. Belongs to the
// process that sent it. Dropping it gives the answer up. OTP: gen_server:send_request.
//
//     auto a = send_request(self, store, Get{"a"});
//     auto b = send_request(self, store, Get{"b"});
//     auto value_of_a = co_await a.response(1s);
template <class R>
class PendingReply {
 public:
  explicit PendingReply(detail::Unique<detail::SentRequest> sent) noexcept
      : sent_{std::move(sent)} {}

  // The answer, or why there is none. After a timeout it may be asked again; after anything else
  // the request is done. OTP: gen_server:wait_response.
  detail::ResponseAwaiter<R> response(Duration timeout = default_call_timeout) {
    return {*sent_, timeout};
  }
  // The same, but a timeout is the end of the request too: a later answer is dropped.
  detail::ResponseAwaiter<R> receive_response(Duration timeout = default_call_timeout) {
    return {*sent_, timeout, true};
  }

 private:
  detail::Unique<detail::SentRequest> sent_;
};

// Sends the request now and returns at once.
template <class S, class M>
auto send_request(Process& self, ServerRef<S> server, M message) {
  return PendingReply<detail::ReplyOf<S, M>>{detail::own<detail::SentRequest>(
      self, detail::CallTarget::of(server), detail::typed_call<S>(std::move(message)))};
}
template <class M>
auto send_request(Process& self, Pid server, M message) {
  return PendingReply<typename M::Reply>{detail::own<detail::SentRequest>(
      self, detail::CallTarget{server}, detail::dynamic_call(std::move(message)))};
}

template <class M>
auto send_request(Process& self, Name server, M message) {
  return PendingReply<typename M::Reply>{detail::own<detail::SentRequest>(
      self, detail::CallTarget{server.atom}, detail::dynamic_call(std::move(message)))};
}

// What multi_call gives: who has answered what, and who has not and why, in the order asked.
template <class S, class R>
struct MultiReplies {
  struct Answered {
    ServerRef<S> server;
    detail::ReplyValue<R> value;
  };
  struct Failed {
    ServerRef<S> server;
    CallError error;
  };
  std::vector<Answered> replies;
  std::vector<Failed> failed;
};

// Asks several servers the same at once, and waits for all answers, for `timeout` at most in all.
// Never throws because of them. OTP: gen_server:multi_call, which asks those of one name on several
// nodes.
template <class S, class M>
Async<MultiReplies<S, detail::ReplyOf<S, M>>> multi_call(Process& self,
                                                         std::vector<ServerRef<S>> servers,
                                                         M message,
                                                         Duration timeout = default_call_timeout) {
  const detail::CallerPlace place{self};
  static_assert(std::is_copy_constructible_v<M>, "each server gets a copy of the message");
  using R = detail::ReplyOf<S, M>;
  std::vector<PendingReply<R>> pending;
  pending.reserve(servers.size());
  for (const ServerRef<S>& server : servers) {
    pending.push_back(send_request(self, server, M(message)));
  }
  MultiReplies<S, R> all;
  const Duration begin = self.monotonic_time();
  for (std::size_t i = 0; i < servers.size(); ++i) {
    auto reply = co_await place(pending[i].receive_response(detail::left_of(timeout, self, begin)));
    if (!reply) {
      all.failed.push_back({servers[i], std::move(reply.error())});
    } else if constexpr (std::is_void_v<R>) {
      all.replies.push_back({servers[i], Done{}});
    } else {
      all.replies.push_back({servers[i], std::move(*reply)});
    }
  }
  co_return all;
}

}  // namespace troupe
