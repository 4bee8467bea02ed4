// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <memory>
#include <utility>

#include <troupe/call.hpp>

namespace troupe {

namespace detail {

// A call that was sent and is not awaited yet. Stays where it is: the process knows it by address.
class SentRequest {
 public:
  SentRequest(Process& self, CallTarget target, OwnedEnvelope request);
  SentRequest(const SentRequest&) = delete;
  // The answer is not wanted any more: the server's monitor ends, a late reply is dropped.
  ~SentRequest();

  bool begin(Duration timeout);
  void suspend() noexcept { suspend_reply_wait(self_, wait_); }
  // The reply, or null with `failure` telling why there is none. After a timeout the request
  // stands, and may be awaited again.
  Envelope* take() noexcept;
  CallError failure(Envelope* reply) const;

 private:
  Process& self_;
  CallHead head_;
  ReplyWait wait_;
  bool was_sent_ = false;
  bool was_taken_ = false;
  CallError::Code early_ = CallError::Code::noproc;
};

template <class R>
class [[nodiscard("a response waits only when it is awaited")]] ResponseAwaiter {
 public:
  ResponseAwaiter(SentRequest& request, Duration timeout) noexcept
      : request_{request}, timeout_{timeout} {}
  bool await_ready() { return request_.begin(timeout_); }
  void await_suspend(std::coroutine_handle<>) noexcept { request_.suspend(); }
  std::expected<R, CallError> await_resume() {
    using Kept = ReplyValue<R>;
    OwnedEnvelope reply{request_.take()};
    if (!reply.get() || !is_reply_of<Kept>(reply.get())) {
      return std::unexpected(request_.failure(reply.get()));
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
  explicit PendingReply(std::unique_ptr<detail::SentRequest> sent) noexcept
      : sent_{std::move(sent)} {}

  // The answer, or why there is none. After a timeout it may be asked again; after anything else
  // the request is done. OTP: gen_server:receive_response, which gives up at a timeout, while
  // wait_response, which this is, does not.
  detail::ResponseAwaiter<R> response(Duration timeout = default_call_timeout) {
    return {*sent_, timeout};
  }

 private:
  std::unique_ptr<detail::SentRequest> sent_;
};

// Sends the request now and returns at once.
template <class S, class M>
auto send_request(Process& self, ServerRef<S> server, M message) {
  return PendingReply<detail::ReplyOf<S, M>>{std::make_unique<detail::SentRequest>(
      self, detail::CallTarget::of(server), detail::typed_call<S>(std::move(message)))};
}
template <class M>
auto send_request(Process& self, Pid server, M message) {
  return PendingReply<typename M::Reply>{std::make_unique<detail::SentRequest>(
      self, detail::CallTarget{server}, detail::dynamic_call(std::move(message)))};
}

}  // namespace troupe
