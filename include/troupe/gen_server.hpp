// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <type_traits>
#include <utility>

#include <troupe/call.hpp>
#include <troupe/detail/server_start.hpp>
#include <troupe/from.hpp>
#include <troupe/next.hpp>
#include <troupe/server_ref.hpp>
#include <troupe/start.hpp>

namespace troupe {

namespace detail {
template <class A>
inline constexpr bool is_start_options = std::is_same_v<std::remove_cvref_t<A>, StartOptions>;
}  // namespace detail

// A server: a process that holds state and answers messages one at a time, OTP's gen_server. The
// state is the object; a crash throws it away, and a supervisor makes a fresh one.
//
//     struct Counter : GenServer<Counter> {
//       struct IncrementBy { int n; using Reply = int; };
//       struct Increment {};
//
//       explicit Counter(int start = 0) : value{start} {}
//       int  handle_call(IncrementBy m) { return value += m.n; }
//       void handle_cast(Increment)     { ++value; }
//
//       int value;
//     };
//
// Handlers are public member functions, found by the type of the message. Each may take `Process&`
// before the message, and may be a plain function or a coroutine (Async<...>); while a coroutine
// handler waits, the server serves nobody else.
//
//   handle_call(M)             R, Answer<R>           answers a call; R is M::Reply
//   handle_call(M, From<R>)    void, Next             answers later, from anywhere (see From)
//   handle_cast(M)             void, Next             what `cast` sent
//   handle_info(M)             void, Next             what `send` sent; Exit, Down; Any takes the
//                                                     rest
//   handle_continue(M)         void, Next             see continue_with
//   handle_timeout()           void, Next             see Next::timeout
//   init(Process&)             void, Init             after the constructor, before the start
//                                                     returns
//   terminate(ExitReason)      void                   before an orderly end, and after a handler
//                                                     has failed
//   introspect() const         Term                   the state, for sys and the observer
//   format_status() const      Term                   what of it get_status and crash reports may
//                                                     show, where that is less
//
// The constructor runs in the new process, with the arguments of the start, and with `Process&`
// before them if it takes one; what it throws is the start's error. An exception in a handler ends
// the server with it as the reason; terminate runs first, and can ask state_is_torn().
//
// A plain message reaches handle_info if it was sent through a ServerRef, or if the server names
// its type: `using Info = troupe::Messages<Tick, Fired>`. Servers that are also called by pid or by
// name, without knowing their type, list what they understand: `using Messages =
// troupe::Messages<...>`. An unknown plain message is logged and ignored; an unknown call or cast
// ends the server.
//
// terminate does not run when a server that does not trap exits is ended by an exit signal, nor for
// `kill`; the destructor always does. The EXIT of the process that started it linked ends a server
// that traps exits, with terminate, whatever the reason.
template <class S>
class GenServer {
 public:
  // Starts an S and waits until its constructor and init are done: the reference to it. Throws
  // StartException. Not linked to the caller.
  template <class... A>
    requires(!(detail::is_start_options<A> || ...))
  static auto start(Process& self, A&&... arguments) {
    return begin<detail::StartMode::alone, false>(self, {}, std::forward<A>(arguments)...);
  }
  template <class... A>
  static auto start(Process& self, const StartOptions& options, A&&... arguments) {
    return begin<detail::StartMode::alone, false>(self, options, std::forward<A>(arguments)...);
  }

  // As start, linked to the caller, who thereby is the server's parent.
  template <class... A>
    requires(!(detail::is_start_options<A> || ...))
  static auto start_link(Process& self, A&&... arguments) {
    return begin<detail::StartMode::link, false>(self, {}, std::forward<A>(arguments)...);
  }
  template <class... A>
  static auto start_link(Process& self, const StartOptions& options, A&&... arguments) {
    return begin<detail::StartMode::link, false>(self, options, std::forward<A>(arguments)...);
  }

  // As start, monitored by the caller: {server, ref}.
  template <class... A>
    requires(!(detail::is_start_options<A> || ...))
  static auto start_monitor(Process& self, A&&... arguments) {
    return begin<detail::StartMode::monitor, false>(self, {}, std::forward<A>(arguments)...);
  }
  template <class... A>
  static auto start_monitor(Process& self, const StartOptions& options, A&&... arguments) {
    return begin<detail::StartMode::monitor, false>(self, options, std::forward<A>(arguments)...);
  }

  // The same, with std::expected<..., StartError> instead of an exception.
  template <class... A>
    requires(!(detail::is_start_options<A> || ...))
  static auto try_start(Process& self, A&&... arguments) {
    return begin<detail::StartMode::alone, true>(self, {}, std::forward<A>(arguments)...);
  }
  template <class... A>
  static auto try_start(Process& self, const StartOptions& options, A&&... arguments) {
    return begin<detail::StartMode::alone, true>(self, options, std::forward<A>(arguments)...);
  }
  template <class... A>
    requires(!(detail::is_start_options<A> || ...))
  static auto try_start_link(Process& self, A&&... arguments) {
    return begin<detail::StartMode::link, true>(self, {}, std::forward<A>(arguments)...);
  }
  template <class... A>
  static auto try_start_link(Process& self, const StartOptions& options, A&&... arguments) {
    return begin<detail::StartMode::link, true>(self, options, std::forward<A>(arguments)...);
  }
  template <class... A>
    requires(!(detail::is_start_options<A> || ...))
  static auto try_start_monitor(Process& self, A&&... arguments) {
    return begin<detail::StartMode::monitor, true>(self, {}, std::forward<A>(arguments)...);
  }
  template <class... A>
  static auto try_start_monitor(Process& self, const StartOptions& options, A&&... arguments) {
    return begin<detail::StartMode::monitor, true>(self, options, std::forward<A>(arguments)...);
  }

 protected:
  // What a handler returns to have handle_continue(message) run next, before the mailbox is looked
  // at. A reply that is given with it is sent first.
  template <class M>
  static Next continue_with(M message) {
    static_assert(detail::Handles<detail::ContinueVerb, S, M>,
                  "this server has no public handle_continue that takes this message");
    return Next::continuation(
        detail::make_request<M>(detail::continuation_type<S, M>, std::move(message)));
  }

  // Whether a handler has thrown, so that the state may be half changed: for terminate, which
  // should not save it then.
  bool state_is_torn() const noexcept { return torn_; }

 private:
  friend struct detail::TornMark;

  template <detail::StartMode Mode, bool Try, class... A>
  static auto begin(Process& self, const StartOptions& options, A&&... arguments) {
    return detail::StartAwaitable<S, Mode, Try>{detail::start_server(
        self, Mode, options.timeout,
        detail::make_start_request<S>(
            {options.name.atom, options.via},
            std::tuple<detail::KeptArgument<A>...>(std::forward<A>(arguments)...)))};
  }

  bool torn_ = false;
};

}  // namespace troupe
