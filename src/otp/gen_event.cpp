// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// OTP: gen_event. A handler that throws is taken out and the others go on, so every call of one of
// its functions stands in a try of its own.
#include <troupe/detail/caller_place.hpp>
#include <troupe/detail/send_or_drop.hpp>
#include <troupe/log.hpp>

#include "otp/event_handlers.hpp"
#include "otp/server_loop.hpp"

namespace troupe {

namespace detail {

namespace {

Term exit_tuple(const ExitReason& reason) { return tuple({atoms::EXIT, reason.term()}); }

Term pair(const char* first, Term second) { return tuple({Term{Atom{first}}, std::move(second)}); }

}  // namespace

EventHandlers::~EventHandlers() {
  for (Handler& handler : handlers_) handler.type->destroy(handler.state);
}

auto EventHandlers::find(const EventHandlerType* type, const Term& id) -> Place* {
  return by_key_.find(Key{type, id});
}

bool EventHandlers::add(Process& self, NewEventHandler handler) {
  if (find(handler.type, handler.id)) {
    handler.type->destroy(handler.handler);
    return false;
  }
  if (handler.watcher && ++watched_[Pid{handler.watcher}] == 1) self.link(handler.watcher);
  handlers_.push_front(Handler{handler.type, handler.handler, handler.id, handler.watcher});
  by_key_.insert(Key{handler.type, std::move(handler.id)}, handlers_.begin());
  return true;
}

Term EventHandlers::remove(Process& self, Place place, const Term& why,
                           const std::optional<ExitReason>& told) {
  Handler handler = std::move(*place);
  by_key_.erase(Key{handler.type, handler.id});
  handlers_.erase(place);
  Term left = atoms::ok;
  if (handler.type->terminate) {
    try {
      left = handler.type->terminate(handler.state, self, why);
    } catch (...) {
      left = exit_tuple(reason_of(std::current_exception()));
      log::error("event handler {} failed in terminate: {}", handler.type->name, left);
    }
  }
  handler.type->destroy(handler.state);
  if (!handler.watcher) return left;
  if (told) {
    // A watcher that takes no more must not end the manager.
    send_or_drop(handler.watcher,
                 EventHandlerExit{self.pid(), handler.type->name, handler.id, *told});
  }
  std::uint32_t* count = watched_.find(handler.watcher);
  if (count && --*count == 0) {
    watched_.erase(handler.watcher);
    self.unlink(handler.watcher);
  }
  return left;
}

ExitReason EventHandlers::crashed(Process& self, Place place, std::exception_ptr failure) {
  const ExitReason reason = reason_of(std::move(failure));
  log::error("event handler {} is removed, because it failed: {}", place->type->name, reason);
  (void)remove(self, place, pair("error", exit_tuple(reason)), ExitReason{exit_tuple(reason)});
  return reason;
}

void EventHandlers::notify(Process& self, const MessageType* message, bool is_plain,
                           const void* event, bool* is_taken) {
  // A handler cannot reach this list while it runs, so only the one that runs can go.
  for (Place place = handlers_.begin(); place != handlers_.end();) {
    const Place current = place++;
    const EventRoute* route = current->type->routes;
    const EventRoute* const end = route + current->type->route_count;
    while (route != end && (route->message != message || route->is_plain != is_plain)) ++route;
    if (route == end) continue;
    if (is_taken) *is_taken = true;
    std::exception_ptr failure;
    Handled handled = Handled::keep;
    try {
      handled = route->invoke(current->state, self, event);
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) {
      (void)crashed(self, current, std::move(failure));
    } else if (handled == Handled::remove) {
      (void)remove(self, current, Atom{"remove_handler"}, ExitReason{});
    }
  }
}

void EventHandlers::watcher_ended(Process& self, const Exit& exit) {
  if (!watched_.contains(exit.from)) return;
  const Term why = pair("stop", exit.reason.term());
  for (Place place = handlers_.begin(); place != handlers_.end();) {
    const Place current = place++;
    if (current->watcher == exit.from) (void)remove(self, current, why, std::nullopt);
  }
}

void EventHandlers::terminate(Process& self) {
  while (!handlers_.empty()) {
    (void)remove(self, handlers_.begin(), Atom{"stop"}, ExitReason{atoms::shutdown});
  }
}

// --- What typed requests reach.

namespace {

GenEvent& event_server(ServerCore& core) { return state_of<GenEvent>(core); }

}  // namespace

void EventAccess::notify(ServerCore& core, const MessageType* message, const void* event) {
  event_server(core).handlers_->notify(*core.self, message, false, event, nullptr);
}

GenEvent::Result EventAccess::add(ServerCore& core, NewEventHandler handler) {
  if (event_server(core).handlers_->add(*core.self, std::move(handler))) return {};
  return std::unexpected(EventHandlerError{EventHandlerError::Code::already_added, {}});
}

bool EventAccess::has(ServerCore& core, const EventHandlerType* type, const Term& id) {
  return event_server(core).handlers_->find(type, id) != nullptr;
}

void* EventAccess::find(ServerCore& core, const EventHandlerType* type, const Term& id) {
  const auto* place = event_server(core).handlers_->find(type, id);
  return place ? (*place)->state : nullptr;
}

Term EventAccess::take(ServerCore& core, const EventHandlerType* type, const Term& id,
                       const Term& why, Pid& watcher) {
  EventHandlers& handlers = *event_server(core).handlers_;
  const auto* place = handlers.find(type, id);
  if (!place) return Atom{"error"};
  watcher = (*place)->watcher;
  return handlers.remove(*core.self, *place, why, std::nullopt);
}

void EventAccess::remove(ServerCore& core, const EventHandlerType* type, const Term& id,
                         const Term& why) {
  EventHandlers& handlers = *event_server(core).handlers_;
  if (const auto* place = handlers.find(type, id)) {
    (void)handlers.remove(*core.self, *place, why, ExitReason{});
  }
}

EventHandlerError EventAccess::crashed(ServerCore& core, const EventHandlerType* type,
                                       const Term& id, std::exception_ptr failure) {
  EventHandlers& handlers = *event_server(core).handlers_;
  ExitReason reason = handlers.crashed(*core.self, *handlers.find(type, id), std::move(failure));
  return EventHandlerError{EventHandlerError::Code::failed, std::move(reason)};
}

EventHandlerError EventAccess::not_made(std::exception_ptr failure) {
  return EventHandlerError{EventHandlerError::Code::failed, reason_of(std::move(failure))};
}

}  // namespace detail

Term EventHandlerError::term() const {
  switch (code) {
    case Code::already_added:
      return Atom{"already_added"};
    case Code::not_found:
      return Atom{"bad_module"};
    case Code::failed:
      return tuple({atoms::EXIT, reason.term()});
  }
  std::unreachable();
}

GenEvent::GenEvent(Process& self) : handlers_{std::make_unique<detail::EventHandlers>()} {
  self.trap_exits();
}

GenEvent::~GenEvent() = default;

void GenEvent::handle_info(Process& self, Exit exit) { handlers_->watcher_ended(self, exit); }

void GenEvent::handle_info(Process& self, Any message) {
  const detail::Envelope* envelope = message.peek();
  const detail::MessageType* type = envelope->type;
  const void* value = reinterpret_cast<const std::byte*>(envelope) + type->offset;
  bool is_taken = false;
  handlers_->notify(self, type, true, value, &is_taken);
  if (!is_taken) log::error("no event handler takes this plain message: {}", type->name);
}

void GenEvent::terminate(Process& self, ExitReason) { handlers_->terminate(self); }

auto GenEvent::handle_call(Which) const -> Which::Reply {
  Which::Reply all;
  for (const auto& handler : handlers_->all()) {
    all.push_back(EventHandlerInfo{handler.type->name, handler.id});
  }
  return all;
}

auto GenEvent::handle_call(Process& self, Delete request) -> Delete::Reply {
  const auto* place = handlers_->find(request.type, request.id);
  if (!place) {
    return std::unexpected(EventHandlerError{EventHandlerError::Code::not_found, {}});
  }
  return handlers_->remove(self, *place, request.why, ExitReason{});
}

Async<std::vector<EventHandlerInfo>> GenEvent::which_handlers(Process& self,
                                                              ServerRef<GenEvent> manager) {
  const detail::CallerPlace place{self};
  co_return co_await place(troupe::call(self, manager, Which{}, infinity));
}

Async<std::expected<Term, EventHandlerError>> GenEvent::remove(Process& self,
                                                               ServerRef<GenEvent> manager,
                                                               const detail::EventHandlerType* type,
                                                               Term id, Term why) {
  const detail::CallerPlace place{self};
  co_return co_await place(
      troupe::call(self, manager, Delete{type, std::move(id), std::move(why)}, infinity));
}

Term GenEvent::introspect() const {
  std::vector<Term> all;
  for (const auto& handler : handlers_->all()) {
    Term state =
        handler.type->introspect ? handler.type->introspect(handler.state) : Term{atoms::undefined};
    all.push_back(tuple({Term::binary(handler.type->name), handler.id, std::move(state)}));
  }
  return map({{Term{Atom{"handlers"}}, list(all)}});
}

}  // namespace troupe
