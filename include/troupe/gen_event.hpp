// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <exception>
#include <expected>
#include <memory>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <troupe/detail/event_handler.hpp>

namespace troupe {

// Which of several handlers of one type: a text becomes an atom; any other term stands for itself.
struct EventHandlerId {
  EventHandlerId() = default;
  EventHandlerId(const char* text) : term{Atom{std::string_view{text}}} {}
  EventHandlerId(std::string_view text) : term{Atom{text}} {}
  template <class T>
    requires std::is_convertible_v<T, Term>
  EventHandlerId(T value) : term{std::move(value)} {}
  Term term = atoms::undefined;
};

struct EventHandlerError {
  enum class Code : std::uint8_t {
    already_added,  // one of this type and id is there
    not_found,      // none is there. OTP: bad_module, module_not_found
    failed,         // its constructor or its handle_call threw: `reason`
  };
  Code code;
  ExitReason reason = {};
  Term term() const;  // R in OTP's {error, R}
};

// What the process that has added a handler with add_sup_handler gets when it is gone: `normal` for
// a deleted one, {swapped, ...}, shutdown, or {EXIT, R} if it has failed. OTP: gen_event_EXIT.
struct EventHandlerExit {
  Pid manager;
  std::string_view type;
  Term id;
  ExitReason reason;
};

struct EventHandlerInfo {
  std::string_view type;
  Term id;
};

namespace detail {
class EventHandlers;
struct EventAccess;
template <class R>
using HandlerCallAwaiter = CallAwaiter<std::expected<R, EventHandlerError>, false>;
}  // namespace detail

// An event manager: a process that passes each event to all of its handlers, one after the other,
// the latest added first. OTP's gen_event. Use it where several parties, unknown to each other and
// to the sender, have to do something at once about what happens (alarms, audit, counters), and
// where the failure of one must not reach the others; not as a bus for work, since every handler
// waits for the one before it.
//
//     struct Counter {
//       using Events = Messages<Login, Logout>;
//       void handle_event(const Login&)  { ++users; }
//       void handle_event(const Logout&) { --users; }
//       int  handle_call(GetUsers)       { return users; }
//       int users = 0;
//     };
//     auto events = co_await GenEvent::start_link(self, StartOptions{.name = "events"});
//     (void)co_await GenEvent::add_handler<Counter>(self, events);
//     notify(events, Login{"ann"});
//
// A handler is any class; it lists what it takes (`Events` for notifications, `Info` for plain
// messages sent to the manager, handle_info) and is not told of anything else. Its functions:
//
//   constructor(arguments...)            in the manager; what it throws is the error of add_handler
//   handle_event(const E&)               void, Handled
//   handle_info(const M&)                void, Handled
//   handle_call(M)                       R, Answer<R, Handled>
//   terminate(const Term& why)           void, Term
//
// Each may take `Process&` first, and none may wait. One that throws is removed, with
// terminate({error, Reason}) and a line in the log; the manager and the other handlers go on. `why`
// is what delete_handler gave, `stop` when the manager ends, {stop, Reason} when the process that
// added a supervised handler has ended, `remove_handler` after Handled::remove.
class GenEvent : public GenServer<GenEvent> {
 public:
  using Result = std::expected<void, EventHandlerError>;

  // Adds a handler of type H, made in the manager from copies of the arguments; an EventHandlerId
  // before them lets several of one type be there.
  template <class H, class... A>
  static auto add_handler(Process& self, ServerRef<GenEvent> manager, A&&... arguments) {
    return add<H>(self, manager, Pid{}, std::forward<A>(arguments)...);
  }
  // The same, tied to the caller: when the caller ends the handler is removed, and when the handler
  // is removed the caller gets an EventHandlerExit.
  template <class H, class... A>
  static auto add_sup_handler(Process& self, ServerRef<GenEvent> manager, A&&... arguments) {
    return add<H>(self, manager, self.pid(), std::forward<A>(arguments)...);
  }

  // Removes a handler, after terminate(why): what that returned (`ok` for void).
  template <class H>
  static Async<std::expected<Term, EventHandlerError>> delete_handler(Process& self,
                                                                      ServerRef<GenEvent> manager,
                                                                      Term why = atoms::normal,
                                                                      EventHandlerId id = {}) {
    return remove(self, manager, &detail::event_handler_type<H>, std::move(id.term),
                  std::move(why));
  }

  // Replaces Old by a New, which counts as the latest added, has the same id and is tied to the
  // same process, and is given, after `arguments`, what Old's terminate(why) returned, if its
  // constructor takes a Term there (the atom `error` if there was no Old).
  template <class Old, class New, class... A>
  static auto swap_handler(Process& self, ServerRef<GenEvent> manager, EventHandlerId id, Term why,
                           A&&... arguments);

  // Asks one handler: handle_call(M). Its failure is the error `failed`, and removes it.
  template <class H, class M>
  static auto call(Process& self, ServerRef<GenEvent> manager, M message, EventHandlerId id = {},
                   Duration timeout = default_call_timeout);

  // The latest added first.
  static Async<std::vector<EventHandlerInfo>> which_handlers(Process& self,
                                                             ServerRef<GenEvent> manager);

  // For the loop.
  explicit GenEvent(Process& self);
  GenEvent(const GenEvent&) = delete;
  ~GenEvent();
  void handle_info(Process& self, Exit exit);
  void handle_info(Process& self, Any message);
  void terminate(Process& self, ExitReason reason);
  Term introspect() const;
  struct Which {
    using Reply = std::vector<EventHandlerInfo>;
  };
  Which::Reply handle_call(Which) const;
  struct Delete {
    const detail::EventHandlerType* type;
    Term id;
    Term why;
    using Reply = std::expected<Term, EventHandlerError>;
  };
  Delete::Reply handle_call(Process& self, Delete request);

 private:
  friend struct detail::EventAccess;

  template <class H, class... A>
  static auto add(Process& self, ServerRef<GenEvent> manager, Pid watcher, EventHandlerId id,
                  A&&... arguments);
  template <class H, class... A>
    requires(sizeof...(A) == 0 ||
             !std::is_same_v<std::remove_cvref_t<std::tuple_element_t<0, std::tuple<A..., int>>>,
                             EventHandlerId>)
  static auto add(Process& self, ServerRef<GenEvent> manager, Pid watcher, A&&... arguments) {
    return add<H>(self, manager, watcher, EventHandlerId{}, std::forward<A>(arguments)...);
  }
  static Async<std::expected<Term, EventHandlerError>> remove(Process& self,
                                                              ServerRef<GenEvent> manager,
                                                              const detail::EventHandlerType* type,
                                                              Term id, Term why);

  std::unique_ptr<detail::EventHandlers> handlers_;
};

template <>
inline constexpr bool enable_message<GenEvent::Delete> = true;
template <>
inline constexpr bool enable_message<EventHandlerInfo> = true;
template <>
inline constexpr bool enable_message<EventHandlerExit> = true;

namespace detail {

// From a typed request to the handlers, whose list is hidden.
struct EventAccess {
  static void notify(ServerCore& core, const MessageType* message, const void* event);
  static GenEvent::Result add(ServerCore& core, NewEventHandler handler);
  static bool has(ServerCore& core, const EventHandlerType* type, const Term& id);
  static void* find(ServerCore& core, const EventHandlerType* type, const Term& id);
  // Takes one out; what its terminate returned.
  static Term take(ServerCore& core, const EventHandlerType* type, const Term& id, const Term& why,
                   Pid& watcher);
  static void remove(ServerCore& core, const EventHandlerType* type, const Term& id,
                     const Term& why);
  static EventHandlerError crashed(ServerCore& core, const EventHandlerType* type, const Term& id,
                                   std::exception_ptr failure);
  static EventHandlerError not_made(std::exception_ptr failure);
};

template <class E>
struct SyncNotify {
  E event;
};

template <class E>
void invoke_notify(ServerCore& core, Envelope* envelope) {
  OwnedEnvelope event{envelope};
  EventAccess::notify(core, &message_type<E>, &value_of<E>(envelope));
}
template <class E>
void invoke_sync_notify(ServerCore& core, Envelope* envelope) {
  OwnedEnvelope event{envelope};
  EventAccess::notify(core, &message_type<E>, &value_of<Call<SyncNotify<E>>>(envelope).request);
  const CallHead head = call_head(envelope);
  answer_call(head, make_reply(head.id, Done{}));
}
template <class E>
inline constexpr RequestType notify_type =
    request_type<E, E>(RequestRole::cast, &server_vtable<GenEvent>, &invoke_notify<E>);
template <class E>
inline constexpr RequestType sync_notify_type = request_type<Call<SyncNotify<E>>, E>(
    RequestRole::call, &server_vtable<GenEvent>, &invoke_sync_notify<E>);

template <class H, class... A>
struct AddEventHandler {
  Term id;
  Pid watcher;
  std::tuple<A...> arguments;
};
template <class H, class... A>
void invoke_add_handler(ServerCore& core, Envelope* envelope) {
  using Request = AddEventHandler<H, A...>;
  const CallHead head = call_head(envelope);
  Request request = take_value<Call<Request>>(envelope).request;
  GenEvent::Result result;
  if (EventAccess::has(core, &event_handler_type<H>, request.id)) {
    result = std::unexpected(EventHandlerError{EventHandlerError::Code::already_added, {}});
  } else {
    try {
      H* handler = make_event_handler<H>(*core.self, std::move(request.arguments), Term{});
      result = EventAccess::add(
          core, {&event_handler_type<H>, handler, std::move(request.id), request.watcher});
    } catch (...) {
      result = std::unexpected(EventAccess::not_made(std::current_exception()));
    }
  }
  answer_call(head, make_reply(head.id, std::move(result)));
}
template <class H, class... A>
inline constexpr RequestType add_handler_type =
    request_type<Call<AddEventHandler<H, A...>>, AddEventHandler<H, A...>>(
        RequestRole::call, &server_vtable<GenEvent>, &invoke_add_handler<H, A...>);

template <class Old, class New, class... A>
struct SwapEventHandler {
  Term id;
  Term why;
  Pid asker;
  std::tuple<A...> arguments;
};
template <class Old, class New, class... A>
void invoke_swap_handler(ServerCore& core, Envelope* envelope) {
  using Request = SwapEventHandler<Old, New, A...>;
  const CallHead head = call_head(envelope);
  Request request = take_value<Call<Request>>(envelope).request;
  GenEvent::Result result;
  Pid watcher;
  const Term left =
      EventAccess::take(core, &event_handler_type<Old>, request.id, request.why, watcher);
  try {
    New* handler = make_event_handler<New>(*core.self, std::move(request.arguments), left);
    result = EventAccess::add(core, {&event_handler_type<New>, handler, request.id, watcher});
  } catch (...) {
    result = std::unexpected(EventAccess::not_made(std::current_exception()));
  }
  answer_call(head, make_reply(head.id, std::move(result)));
}
template <class Old, class New, class... A>
inline constexpr RequestType swap_handler_type =
    request_type<Call<SwapEventHandler<Old, New, A...>>, SwapEventHandler<Old, New, A...>>(
        RequestRole::call, &server_vtable<GenEvent>, &invoke_swap_handler<Old, New, A...>);

template <class M>
struct HandlerCall {
  Term id;
  M message;
};
template <class H, class M>
struct HandlerReply {
  static auto run(H& handler, Process& self, M&& message) -> decltype(auto) {
    return run_event_handler<CallVerb>(handler, self, std::move(message));
  }
  using Result = decltype(run(std::declval<H&>(), std::declval<Process&>(), std::declval<M>()));
  using Type = StripAnswer<Result>::Type;
};
template <class H, class M>
void invoke_handler_call(ServerCore& core, Envelope* envelope) {
  using Reply = HandlerReply<H, M>;
  using R = Reply::Type;
  const CallHead head = call_head(envelope);
  auto [id, message] = take_value<Call<HandlerCall<M>>>(envelope).request;
  const EventHandlerType* type = &event_handler_type<H>;
  std::expected<R, EventHandlerError> result =
      std::unexpected(EventHandlerError{EventHandlerError::Code::not_found, {}});
  Handled then = Handled::keep;
  if (void* found = EventAccess::find(core, type, id)) {
    try {
      H& handler = *static_cast<H*>(found);
      if constexpr (std::is_void_v<typename Reply::Result>) {
        Reply::run(handler, *core.self, std::move(message));
        result = {};
      } else if constexpr (std::is_same_v<typename Reply::Result, R>) {
        result = Reply::run(handler, *core.self, std::move(message));
      } else {
        auto answer = Reply::run(handler, *core.self, std::move(message));
        result = std::move(answer.value().value());
        then = answer.next();
      }
    } catch (...) {
      result = std::unexpected(EventAccess::crashed(core, type, id, std::current_exception()));
    }
  }
  answer_call(head, make_reply(head.id, std::move(result)));
  if (then == Handled::remove) EventAccess::remove(core, type, id, Atom{"remove_handler"});
}
template <class H, class M>
inline constexpr RequestType handler_call_type = request_type<Call<HandlerCall<M>>, M>(
    RequestRole::call, &server_vtable<GenEvent>, &invoke_handler_call<H, M>);

template <class R>
CallAwaiter<R, false> ask_handlers(Process& self, ServerRef<GenEvent> manager, Envelope* request,
                                   Duration timeout) {
  return CallAwaiter<R, false>{self, CallTarget::of(manager), OwnedEnvelope{request}, timeout};
}

}  // namespace detail

// Passes an event to all handlers, and goes on at once. Nowhere, if the manager is gone.
template <Message E>
void notify(ServerRef<GenEvent> manager, E event) {
  detail::deliver(manager.pid(), detail::make_request<E>(detail::notify_type<E>, std::move(event)));
}
// The same, and waits until all handlers are done. Throws CallException like a call.
template <Message E>
auto sync_notify(Process& self, ServerRef<GenEvent> manager, E event, Duration timeout = infinity) {
  using Request = detail::Call<detail::SyncNotify<E>>;
  return detail::ask_handlers<void>(
      self, manager,
      detail::make_request(detail::sync_notify_type<E>,
                           Request{detail::CallHead{}, {std::move(event)}}),
      timeout);
}

template <class H, class... A>
auto GenEvent::add(Process& self, ServerRef<GenEvent> manager, Pid watcher, EventHandlerId id,
                   A&&... arguments) {
  using Request = detail::AddEventHandler<H, detail::KeptArgument<A>...>;
  static_assert((Message<detail::KeptArgument<A>> && ...),
                "an argument of an event handler is not a message: it refers to something it does "
                "not own (see troupe/message.hpp)");
  return detail::ask_handlers<Result>(
      self, manager,
      detail::make_request(
          detail::add_handler_type<H, detail::KeptArgument<A>...>,
          detail::Call<Request>{
              detail::CallHead{},
              Request{std::move(id.term), watcher, {std::forward<A>(arguments)...}}}),
      infinity);
}

template <class Old, class New, class... A>
auto GenEvent::swap_handler(Process& self, ServerRef<GenEvent> manager, EventHandlerId id, Term why,
                            A&&... arguments) {
  using Request = detail::SwapEventHandler<Old, New, detail::KeptArgument<A>...>;
  return detail::ask_handlers<Result>(
      self, manager,
      detail::make_request(
          detail::swap_handler_type<Old, New, detail::KeptArgument<A>...>,
          detail::Call<Request>{detail::CallHead{}, Request{std::move(id.term),
                                                            std::move(why),
                                                            self.pid(),
                                                            {std::forward<A>(arguments)...}}}),
      infinity);
}

template <class H, class M>
auto GenEvent::call(Process& self, ServerRef<GenEvent> manager, M message, EventHandlerId id,
                    Duration timeout) {
  static_assert(Message<M>, "this is not a message: it refers to something it does not own");
  using R = detail::HandlerReply<H, M>::Type;
  using Request = detail::Call<detail::HandlerCall<M>>;
  return detail::ask_handlers<std::expected<R, EventHandlerError>>(
      self, manager,
      detail::make_request(detail::handler_call_type<H, M>,
                           Request{detail::CallHead{}, {std::move(id.term), std::move(message)}}),
      timeout);
}

}  // namespace troupe
