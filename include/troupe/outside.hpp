// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <expected>
#include <utility>

#include <troupe/call.hpp>
#include <troupe/runtime.hpp>

// For threads that are no process of any runtime: call a server and wait for its answer, as a
// thread waits. Inside a process these would stop its whole worker; there one awaits the calls of
// call.hpp.
namespace troupe {

namespace detail {

// The answer of a call, on the stack of the thread that waits for it.
template <class R>
struct OutsideAnswer {
  std::expected<R, CallError> result =
      std::unexpected(CallError{CallError::Code::noproc, ExitReason{atoms::noproc}});
  std::atomic<bool> is_there{false};
};

// The one hand that fills it in. Whatever becomes of the process that holds it, the thread goes on.
template <class R>
class OutsideCaller {
 public:
  explicit OutsideCaller(OutsideAnswer<R>& answer) noexcept : answer_{&answer} {}
  OutsideCaller(OutsideCaller&& other) noexcept : answer_{std::exchange(other.answer_, nullptr)} {}
  ~OutsideCaller() {
    if (!answer_) return;
    // Release: pairs with the acquire of the thread's wait. Its frame may be gone right after.
    answer_->is_there.store(true, std::memory_order_release);
    answer_->is_there.notify_one();
  }
  void put(std::expected<R, CallError> result) { answer_->result = std::move(result); }

 private:
  OutsideAnswer<R>* answer_;
};

template <class R, class To, class M>
Async<> call_for_outside(Process& self, OutsideCaller<R> caller, To server, M message,
                         Duration timeout) {
  caller.put(co_await try_call(self, std::move(server), std::move(message), timeout));
}

template <class R, class To, class M>
std::expected<R, CallError> call_from_outside(Runtime& runtime, To server, M message,
                                              Duration timeout) {
  OutsideAnswer<R> answer;
  spawn(
      runtime,
      [](Process& self, OutsideCaller<R> caller, To to, M m, Duration limit) {
        return call_for_outside<R, To, M>(self, std::move(caller), std::move(to), std::move(m),
                                          limit);
      },
      OutsideCaller<R>{answer}, std::move(server), std::move(message), timeout);
  answer.is_there.wait(false, std::memory_order_acquire);
  return std::move(answer.result);
}

}  // namespace detail

template <class R>
inline constexpr bool enable_message<detail::OutsideCaller<R>> = true;

// Asks a server of this runtime, which must be running, and waits for its answer. noproc also when
// the runtime ends meanwhile.
template <class S, class M>
auto try_call(Runtime& runtime, ServerRef<S> server, M message,
              Duration timeout = default_call_timeout) {
  return detail::call_from_outside<detail::ReplyOf<S, M>>(runtime, server, std::move(message),
                                                          timeout);
}
template <class M>
auto try_call(Runtime& runtime, Pid server, M message, Duration timeout = default_call_timeout) {
  return detail::call_from_outside<typename M::Reply>(runtime, server, std::move(message), timeout);
}

// As try_call; throws CallException.
template <class S, class M>
detail::ReplyOf<S, M> call(Runtime& runtime, ServerRef<S> server, M message,
                           Duration timeout = default_call_timeout) {
  auto result = try_call(runtime, server, std::move(message), timeout);
  if (!result) throw CallException{result.error(), result.error().reason};
  if constexpr (!std::is_void_v<detail::ReplyOf<S, M>>) return std::move(*result);
}
template <class M>
typename M::Reply call(Runtime& runtime, Pid server, M message,
                       Duration timeout = default_call_timeout) {
  auto result = try_call(runtime, server, std::move(message), timeout);
  if (!result) throw CallException{result.error(), result.error().reason};
  if constexpr (!std::is_void_v<typename M::Reply>) return std::move(*result);
}

// A cast to a name, from outside; into the void if nobody has it or it is no S.
template <class S, class M>
void cast(Runtime& runtime, ServerRef<S> server, M message) {
  if (!server.is_named()) return cast(server, std::move(message));
  const Pid pid = whereis(runtime, server.name().text());
  if (pid && detail::behaviour_of(pid) == detail::behaviour_for<S>()) {
    cast(ServerRef<S>{pid}, std::move(message));
  }
}

}  // namespace troupe
