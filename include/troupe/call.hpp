// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <type_traits>
#include <utility>

#include <troupe/detail/pending_call.hpp>
#include <troupe/detail/server_vtable.hpp>
#include <troupe/detail/take.hpp>
#include <troupe/server_ref.hpp>

namespace troupe {

// How long a call waits unless told otherwise. OTP's default too.
inline constexpr Duration default_call_timeout = std::chrono::seconds{5};

namespace detail {

template <class S, class M>
OwnedEnvelope typed_call(M message) {
  static_assert(Message<M>,
                "this is not a message: it refers to something it does not own (see "
                "troupe/message.hpp)");
  static_assert(HandlesCall<S, M>, "this server has no public handle_call that takes this message");
  return OwnedEnvelope{
      make_request<Call<M>>(call_type<S, M>, Call<M>{CallHead{}, std::move(message)})};
}
template <class M>
OwnedEnvelope dynamic_call(M message) {
  static_assert(
      requires { typename M::Reply; },
      "a message that is called by pid or by name says what it is answered with: using "
      "Reply = ...");
  return OwnedEnvelope{
      make_request<Call<M>>(dynamic_call_type<M>, Call<M>{CallHead{}, std::move(message)})};
}

// What a call gives when it is awaited: the reply (a failure is thrown), or an expected where Try.
template <class R, bool Try>
class [[nodiscard("a call is sent when it is awaited")]] CallAwaiter : PendingCall {
  using Kept = ReplyValue<R>;
  using Result = std::conditional_t<Try, std::expected<R, CallError>, R>;

 public:
  using PendingCall::PendingCall;

  bool await_ready() { return begin(); }
  void await_suspend(std::coroutine_handle<>) noexcept { suspend_reply_wait(*self_, wait_); }
  Result await_resume() {
    OwnedEnvelope reply{take(wait_.reply)};
    if (!reply.get() || !is_reply_of<Kept>(reply.get())) {
      if constexpr (Try) {
        return Result{std::unexpect, failure(std::move(reply))};
      } else {
        throw_failure(std::move(reply));
      }
    }
    if constexpr (!std::is_void_v<R>) {
      return std::move(value_of<Reply<Kept>>(reply.get()).value);
    } else {
      return Result();
    }
  }
};

}  // namespace detail

// Asks a server and waits for its answer, which the message's type decides: M::Reply, or else what
// the server's handler returns.
//
//     int n = co_await call(self, counter, Counter::IncrementBy{5});
//
// Throws CallException when no answer comes: unhandled, it ends the caller as in OTP, with
// {Why, {gen_server, call, [Server, Request, Timeout]}}. Afterwards nothing of the call is left: a
// late answer is dropped. The server is not told that the caller has given up.
template <class S, class M>
auto call(Process& self, ServerRef<S> server, M message, Duration timeout = default_call_timeout) {
  return detail::CallAwaiter<detail::ReplyOf<S, M>, false>{
      self, detail::CallTarget::of(server), detail::typed_call<S>(std::move(message)), timeout};
}

// By pid or by name, to a server that lists M in its `Messages`; to any other the request is
// unknown, which ends that server, as in OTP.
template <class M>
auto call(Process& self, Pid server, M message, Duration timeout = default_call_timeout) {
  return detail::CallAwaiter<typename M::Reply, false>{
      self, detail::CallTarget{server}, detail::dynamic_call(std::move(message)), timeout};
}
template <class M>
auto call(Process& self, Name server, M message, Duration timeout = default_call_timeout) {
  return detail::CallAwaiter<typename M::Reply, false>{
      self, detail::CallTarget{server.atom}, detail::dynamic_call(std::move(message)), timeout};
}

// As call, but gives std::expected<Reply, CallError>, for callers that plan for failure.
template <class S, class M>
auto try_call(Process& self, ServerRef<S> server, M message,
              Duration timeout = default_call_timeout) {
  return detail::CallAwaiter<detail::ReplyOf<S, M>, true>{
      self, detail::CallTarget::of(server), detail::typed_call<S>(std::move(message)), timeout};
}
template <class M>
auto try_call(Process& self, Pid server, M message, Duration timeout = default_call_timeout) {
  return detail::CallAwaiter<typename M::Reply, true>{
      self, detail::CallTarget{server}, detail::dynamic_call(std::move(message)), timeout};
}
template <class M>
auto try_call(Process& self, Name server, M message, Duration timeout = default_call_timeout) {
  return detail::CallAwaiter<typename M::Reply, true>{
      self, detail::CallTarget{server.atom}, detail::dynamic_call(std::move(message)), timeout};
}

// Tells a server something and goes on: handle_cast. Never fails and never waits; to a server that
// is gone it goes nowhere. Also from threads outside, if the reference holds a pid.
template <class S, class M>
void cast(ServerRef<S> server, M message) {
  static_assert(Message<M>,
                "this is not a message: it refers to something it does not own (see "
                "troupe/message.hpp)");
  static_assert(detail::Handles<detail::CastVerb, S, M>,
                "this server has no public handle_cast that takes this message");
  detail::deliver(server.pid(),
                  detail::make_request<M>(detail::cast_type<S, M>, std::move(message)));
}
// By pid or by name, to a server that lists M in its `Messages`; an unknown cast ends it.
template <Message M>
void cast(Pid server, M message) {
  detail::deliver(server,
                  detail::make_request<M>(detail::dynamic_cast_type<M>, std::move(message)));
}
template <Message M>
void cast(Name server, M message) {
  cast(whereis(server), std::move(message));
}

// A plain message to a server: handle_info, without being listed in its `Messages`. To a process
// that is gone it goes nowhere.
template <class S, class M>
void send(ServerRef<S> server, M message) {
  static_assert(detail::Handles<detail::InfoVerb, S, M>,
                "this server has no public handle_info that takes this message");
  detail::deliver(server.pid(),
                  detail::make_request<M>(detail::info_type<S, M>, std::move(message)));
}

// Ends a server: terminate(reason) runs in it, and this returns once it is dead. Throws
// ExitException{{Why, {gen_server, stop, [Server, Reason, Timeout]}}} if it was not there (noproc),
// ended with another reason, or did not end in time (timeout; it still ends when it gets to it).
Async<> stop(Process& self, Pid server, ExitReason reason = {}, Duration timeout = infinity);
Async<> stop(Process& self, Name server, ExitReason reason = {}, Duration timeout = infinity);
template <class S>
Async<> stop(Process& self, ServerRef<S> server, ExitReason reason = {},
             Duration timeout = infinity) {
  return stop(self, server.pid(), std::move(reason), timeout);
}

}  // namespace troupe
