// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <cstddef>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include <troupe/detail/call.hpp>
#include <troupe/detail/type_name.hpp>

namespace troupe {

// The answer to a call whose Reply is void.
struct Done {};

namespace detail {

template <class R>
struct ReplyKeeper {
  using Type = R;
};
template <>
struct ReplyKeeper<void> {
  using Type = Done;
};
// What travels in the reply envelope.
template <class R>
using ReplyValue = ReplyKeeper<R>::Type;

// A line of the user's code, to name in a report.
struct CodePlace {
  CodePlace(std::source_location where = std::source_location::current()) noexcept
      : file{where.file_name()}, line{where.line()} {}
  explicit CodePlace(std::nullptr_t) noexcept {}
  const char* file = nullptr;
  unsigned line = 0;
};

// Reports a reply token that was destroyed unanswered, unless the server it belongs to ends (its
// callers are told by that end) or an exception is on its way.
void report_dropped_reply(const CallHead& head, std::string_view request,
                          const CodePlace& place) noexcept;

// What a From is, whatever its type.
class ReplyToken {
 public:
  ReplyToken(const ReplyToken&) = delete;

  // Who waits. OTP: the pid in {Pid, Tag}.
  Pid caller() const noexcept { return head_.caller; }

  // For behaviours that keep the call itself: what it is answered through, and giving the token up
  // without answering.
  const CallHead& head() const noexcept { return head_; }
  void forget() noexcept { head_.id = 0; }

 protected:
  ReplyToken(const CallHead& head, std::string_view request) noexcept
      : head_{head}, request_{request}, place_{nullptr} {}
  // Takes it over from `other`, at a place of the user's code.
  ReplyToken(ReplyToken&& other, const CodePlace& place) noexcept;
  void swap(ReplyToken& other) noexcept;
  ~ReplyToken() {
    if (head_.id != 0) report_dropped_reply(head_, request_, place_);
  }

  CallHead head_;

 private:
  std::string_view request_;
  CodePlace place_;
};

}  // namespace detail

// The right, and the duty, to answer one call: what handle_call takes as its last parameter when it
// does not reply at once. Keep it, hand it to another process, and reply when the answer is there.
//
//     void handle_call(Pop, From<int> from) {
//       if (items_.empty()) { waiting_.push_back(std::move(from)); return; }
//       reply(std::move(from), take_first());
//     }
//
// Move-only, so a call is answered once. Replying never fails: an answer to a caller that has gone
// or has given up is dropped. A token that is destroyed unanswered is reported in the log, once,
// with the line where it was last taken over, because its caller now waits for its timeout.
template <class R>
class From : public detail::ReplyToken {
 public:
  // The server's loop makes them.
  From(const detail::CallHead& head, std::string_view request) noexcept
      : ReplyToken{head, request} {}
  From(From&& other, detail::CodePlace place = {}) noexcept
      : ReplyToken{static_cast<ReplyToken&&>(other), place} {}
  From& operator=(From&& other) noexcept {
    swap(other);
    return *this;
  }

  // Sends the answer; from any process, and from threads outside.
  void reply(detail::ReplyValue<R> value) && {
    const detail::CallHead head = head_;
    forget();
    detail::answer_call(head, detail::make_reply<detail::ReplyValue<R>>(head.id, std::move(value)));
  }
  void reply() &&
    requires std::is_void_v<R>
  {
    std::move(*this).reply(Done{});
  }
};

template <class R>
inline constexpr bool enable_message<From<R>> = true;

// Answers a call: GenServer.reply/2.
template <class R>
void reply(From<R> from, std::type_identity_t<detail::ReplyValue<R>> value) {
  std::move(from).reply(std::move(value));
}
template <std::same_as<void> R>
void reply(From<R> from) {
  std::move(from).reply(Done{});
}

}  // namespace troupe
