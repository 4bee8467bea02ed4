// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <troupe/detail/owned_envelope.hpp>
#include <troupe/duration.hpp>
#include <troupe/exit_reason.hpp>
#include <troupe/message.hpp>

namespace troupe {

// What a server does once a handler has returned: the last element of the tuples that OTP's
// callbacks return. A handler that returns void goes on waiting.
//
//     Next handle_cast(Touch)  { return Next::timeout(5min); }      // {noreply, S, Timeout}
//     Next handle_cast(Close)  { return Next::stop("closed"); }     // {stop, Reason, S}
//     Next handle_cast(Load m) { return continue_with(Parse{m}); }  // {noreply, S, {continue, C}}
//
// continue_with is a member of GenServer, because only the server's type knows the handler.
class [[nodiscard]] Next {
 public:
  enum class Kind : std::uint8_t { wait, stop, hibernate, continuation };

  // {noreply, S}: wait for the next message, for ever.
  Next() noexcept = default;

  static Next noreply() noexcept { return {}; }
  // terminate(reason) runs, then the server ends with it.
  static Next stop(ExitReason reason = {}) {
    Next next{Kind::stop};
    next.reason_ = std::move(reason);
    return next;
  }
  // handle_timeout runs if no message comes within `time`, counted from the return of the handler.
  // Any message voids it, and it holds for this one wait. Zero takes a waiting message first.
  static Next timeout(Duration time) noexcept {
    Next next;
    next.timeout_ = time;
    return next;
  }
  // The next wait may be long. Kept for OTP's sake: an idle server holds nothing but its state
  // here.
  static Next hibernate() noexcept { return Next{Kind::hibernate}; }
  // A message for handle_continue, in an envelope that knows its handler: see continue_with.
  static Next continuation(detail::Envelope* envelope) noexcept {
    Next next{Kind::continuation};
    next.continuation_ = detail::OwnedEnvelope{envelope};
    return next;
  }

  Kind kind() const noexcept { return kind_; }
  Duration time_limit() const noexcept { return timeout_; }
  const ExitReason& reason() const noexcept { return reason_; }
  detail::Envelope* take_continuation() noexcept { return continuation_.release(); }

 private:
  explicit Next(Kind kind) noexcept : kind_{kind} {}

  Kind kind_ = Kind::wait;
  Duration timeout_ = infinity;
  ExitReason reason_;
  detail::OwnedEnvelope continuation_{nullptr};
};

// A reply and what comes after it, for handle_call: {reply, R, S, Timeout} and the like. The reply
// is sent before a continuation runs; with Next::stop it is sent after terminate, right before the
// end.
//
//     Answer<int> handle_call(TakeLast) { return {value, Next::stop()}; }
//
// Without a value it answers nothing: with Next::stop the caller exits with the server's reason,
// otherwise it waits until its timeout. `Then` is what the behaviour's handlers return beside it.
template <class R, class Then = Next>
class [[nodiscard]] Answer {
 public:
  template <class V = R>
    requires std::is_convertible_v<V&&, R>
  Answer(V&& value, Then next = {}) : value_{std::forward<V>(value)}, next_{std::move(next)} {}
  Answer(Then next) noexcept : next_{std::move(next)} {}

  std::optional<R>& value() noexcept { return value_; }
  Then& next() noexcept { return next_; }

 private:
  std::optional<R> value_;
  Then next_;
};

// What `init` answers: ok (and what comes next), or that there is to be no server.
//
//     Async<Init> init(Process& self) {
//       if (!config_.enabled) co_return Init::ignore();
//       co_await connect(self);
//       co_return Init::ok();
//     }
class [[nodiscard]] Init {
 public:
  enum class Kind : std::uint8_t { ok, ignore, stop };

  // Also from continue_with(...), Next::timeout(...) and Next::hibernate(): ok, and then that.
  // Next::stop(reason) is Init::stop(reason).
  Init(Next next) noexcept
      : kind_{next.kind() == Next::Kind::stop ? Kind::stop : Kind::ok}, next_{std::move(next)} {}

  static Init ok() noexcept { return Init{Next{}}; }
  // The starter gets `ignored` and the process ends normally.
  static Init ignore() noexcept {
    Init init{Next{}};
    init.kind_ = Kind::ignore;
    return init;
  }
  // The starter gets `reason` as its error, and the process ends with it.
  static Init stop(ExitReason reason) { return Init{Next::stop(std::move(reason))}; }
  static Init timeout(Duration time) noexcept { return Init{Next::timeout(time)}; }
  static Init hibernate() noexcept { return Init{Next::hibernate()}; }

  Kind kind() const noexcept { return kind_; }
  Next& next() noexcept { return next_; }

 private:
  Kind kind_;
  Next next_;
};

}  // namespace troupe
