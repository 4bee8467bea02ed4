// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <type_traits>
#include <utility>

#include <troupe/detail/call.hpp>
#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/code.hpp>
#include <troupe/detail/owned_envelope.hpp>
#include <troupe/from.hpp>
#include <troupe/spawn.hpp>
#include <troupe/start.hpp>

// Starting a plain process and waiting until it says that it is ready: what GenServer does for
// servers, for process bodies of one's own. OTP's proc_lib with init_ack.
//
//     Async<> listener(Process& self, proc_lib::InitAck<int> ready, int port) {
//       auto socket = co_await listen(self, port);
//       ready.ack(socket.port());
//       ...
//     }
//     auto started = co_await proc_lib::start_link<int>(self, listener, 8080);
//
// The process acknowledges once, when it likes, and goes on running. One that ends before it has
// done so gives its starter the reason as the error.
namespace troupe::proc_lib {

// The duty to acknowledge; handed to the body as its second parameter. Dropping it says nothing:
// the starter waits until the process ends or the start's timeout has passed.
template <class T = void>
class InitAck {
 public:
  explicit InitAck(const detail::CallHead& head) noexcept : head_{head} {}
  InitAck(InitAck&& other) noexcept : head_{std::exchange(other.head_, {})} {}
  InitAck& operator=(InitAck&& other) noexcept {
    std::swap(head_, other.head_);
    return *this;
  }

  // Who waits.
  Pid starter() const noexcept { return head_.caller; }

  void ack(detail::ReplyValue<T> value) {
    const detail::CallHead head = std::exchange(head_, {});
    if (head.id == 0) return;
    detail::answer_call(head, detail::make_reply(head.id, std::move(value)));
  }
  void ack()
    requires std::is_void_v<T>
  {
    ack(Done{});
  }

 private:
  detail::CallHead head_;
};

// What a start gives: the process, and what it acknowledged with (Done for void).
template <class T>
struct Started {
  Pid pid;
  detail::ReplyValue<T> value;
};

}  // namespace troupe::proc_lib

namespace troupe {
template <class T>
inline constexpr bool enable_message<proc_lib::InitAck<T>> = true;
}  // namespace troupe

namespace troupe::detail {

// The start request of a plain process: nothing but its head, which becomes the InitAck.
struct StartToken {};

class [[nodiscard]] StartTokenAwaiter : Receiver {
 public:
  explicit StartTokenAwaiter(Process& self) : Receiver{&match, infinity}, self_{self} {}
  StartTokenAwaiter(const StartTokenAwaiter&) = delete;
  ~StartTokenAwaiter() {
    if (taken) free_envelope(taken);
  }
  bool await_ready() { return begin_receive(self_, *this); }
  void await_suspend(std::coroutine_handle<>) noexcept { suspend_receive(self_, *this); }
  CallHead await_resume() const noexcept { return call_head(taken); }

 private:
  static int match(Receiver&, Envelope* envelope) {
    return is_call_of<StartToken>(envelope) ? 0 : -1;
  }
  Process& self_;
};

struct AcknowledgedStart {
  Pid pid;
  OwnedEnvelope reply{nullptr};  // null: see error
  StartError error;
};
// Sends the token to a process that was just spawned, and waits for its acknowledgement.
Async<AcknowledgedStart> await_ack(Process& self, Pid pid, bool is_linked, Duration timeout);

template <class T, class F, class... A>
Async<> acknowledging_body(Process& self, Code<F> body, A... arguments) {
  proc_lib::InitAck<T> ack{co_await StartTokenAwaiter{self}};
  using Callable = CodeCallable<F>::Type;
  using Result = std::invoke_result_t<Callable&, Process&, proc_lib::InitAck<T>, A...>;
  if constexpr (is_async<Result>) {
    co_await body(self, std::move(ack), std::move(arguments)...);
  } else {
    body(self, std::move(ack), std::move(arguments)...);
  }
}

template <class T, class F, class... A>
Async<std::expected<proc_lib::Started<T>, StartError>> start_acknowledged(Process& self,
                                                                          SpawnOptions options,
                                                                          Duration timeout, F body,
                                                                          A... arguments) {
  const CallerPlace place{self};
  const Pid pid = spawn_with(options, acknowledging_body<T, F, A...>, Code<F>{std::move(body)},
                             std::move(arguments)...)
                      .pid;
  AcknowledgedStart start = co_await place(await_ack(self, pid, options.link, timeout));
  if (!start.reply.get()) co_return std::unexpected(std::move(start.error));
  co_return proc_lib::Started<T>{
      pid, std::move(value_of<Reply<ReplyValue<T>>>(start.reply.get()).value)};
}

}  // namespace troupe::detail

namespace troupe::proc_lib {

// Starts `body(self, InitAck<T>, arguments...)`, linked, and waits for its acknowledgement. After
// `timeout` the process is killed.
template <class T = void, class F, Message... A>
auto start_link(Process& self, F body, A... arguments) {
  return detail::start_acknowledged<T>(self, SpawnOptions{.link = true}, infinity, std::move(body),
                                       std::move(arguments)...);
}
template <class T = void, class F, Message... A>
auto start_link_within(Process& self, Duration timeout, F body, A... arguments) {
  return detail::start_acknowledged<T>(self, SpawnOptions{.link = true}, timeout, std::move(body),
                                       std::move(arguments)...);
}

// The same without a link.
template <class T = void, class F, Message... A>
auto start(Process& self, F body, A... arguments) {
  return detail::start_acknowledged<T>(self, SpawnOptions{}, infinity, std::move(body),
                                       std::move(arguments)...);
}
template <class T = void, class F, Message... A>
auto start_within(Process& self, Duration timeout, F body, A... arguments) {
  return detail::start_acknowledged<T>(self, SpawnOptions{}, timeout, std::move(body),
                                       std::move(arguments)...);
}

}  // namespace troupe::proc_lib
