// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// From an envelope to a handler. A typed request carries its handler; a dynamic one, and a plain
// message, is looked up among the few that the server lists. What nobody handles has OTP's outcome:
// an unknown call or cast is an error in the server, an unknown plain message is logged.
#include <troupe/log.hpp>

#include "base/thrown.hpp"
#include "otp/server_loop.hpp"
#include "otp/system_message.hpp"

namespace troupe::detail {

void destroy_request(Envelope* envelope) noexcept {
  const RequestType& type = request_type_of(envelope);
  if (type.destroy_value) type.destroy_value(envelope);
}

Step& step_of(ServerCore& core) {
  if (!core.step) core.step = new Step;
  return *core.step;
}

void follow(ServerCore& core, Next& next) {
  switch (next.kind()) {
    case Next::Kind::wait:
    case Next::Kind::hibernate:
      core.timeout = next.time_limit();
      return;
    case Next::Kind::continuation:
      core.continuation = next.take_continuation();
      return;
    case Next::Kind::stop: {
      Step& step = step_of(core);
      step.stops = true;
      step.reason = next.reason();
      return;
    }
  }
}

void follow(ServerCore& core, Next& next, const CallHead& head, Envelope* reply) {
  if (reply && next.kind() == Next::Kind::stop) {
    Step& step = step_of(core);
    step.late_head = head;
    step.late_reply = reply;
  } else if (reply) {
    answer_call(head, reply);
  }
  follow(core, next);
}

void follow(ServerCore& core, Init& init) {
  if (init.kind() == Init::Kind::ignore) {
    step_of(core).ignores = true;
  } else {
    follow(core, init.next());
  }
}

ExitReason reason_of(std::exception_ptr failure) {
  if (const auto* exit = thrown_as<ExitException>(failure)) return exit->reason();
  if (const auto* thrown = thrown_as<ThrownException>(failure)) {
    return ExitReason{tuple({atoms::bad_return_value, thrown->value()})};
  }
  return ExitReason::from_exception(std::move(failure));
}

void fail(ServerCore& core, std::exception_ptr failure) {
  core.vtable->mark_torn(core);
  Step& step = step_of(core);
  step.stops = true;
  step.reason = reason_of(std::move(failure));
}

std::string_view last_message_of(const ServerCore& core) noexcept {
  return core.last ? core.last->name : std::string_view{};
}

namespace {

const Route* find_route(const ServerCore& core, const MessageType* message, RequestRole role) {
  const Route* end = core.vtable->routes + core.vtable->route_count;
  for (const Route* route = core.vtable->routes; route != end; ++route) {
    if (route->message == message && route->role == role) return route;
  }
  return nullptr;
}

// A call is noted before its handler runs, unless that answers at once.
void note(ServerCore& core, Envelope* envelope) {
  if (envelope->type->kind == EnvelopeKind::call) note_call(*core.self, call_head(envelope));
}

[[noreturn]] void refuse_unknown(Envelope* envelope, const char* what) {
  const std::string_view name = envelope->type->name;
  const OwnedEnvelope owned{envelope};
  throw ErrorException{tuple({Term{Atom{what}}, Term::binary(name)})};
}

void ignore_unknown(ServerCore& core, Envelope* envelope) {
  log::error("{} got a message it has no handle_info for: {}", core.vtable->type,
             envelope->type->name);
  free_envelope(envelope);
}

void dispatch_info(ServerCore& core, Envelope* envelope, const MessageType* message) {
  if (const Route* route = find_route(core, message, RequestRole::info)) {
    route->invoke(core, envelope);
  } else if (core.vtable->any) {
    core.vtable->any(core, envelope);
  } else {
    ignore_unknown(core, envelope);
  }
}

// One whose handler does not come along with it.
void dispatch_request(ServerCore& core, Envelope* envelope) {
  const RequestType& type = request_type_of(envelope);
  const Route* route = type.server ? nullptr : find_route(core, type.message, type.role);
  if (!route || !route->answers_at_once) note(core, envelope);
  if (route) {
    route->invoke(core, envelope);
    return;
  }
  switch (type.role) {
    case RequestRole::system:
      handle_system(core, envelope);
      return;
    case RequestRole::call:
    case RequestRole::start:
      refuse_unknown(envelope, "bad_call");
    case RequestRole::cast:
      refuse_unknown(envelope, "bad_cast");
    case RequestRole::info:
    case RequestRole::continuation:
      // Through a ServerRef of another type: its handler is not here, but there may be one that
      // takes anything.
      if (core.vtable->any) return core.vtable->any(core, envelope);
      return ignore_unknown(core, envelope);
  }
}

void dispatch_timeout(ServerCore& core) {
  if (core.vtable->timeout) {
    core.vtable->timeout(core);
  } else {
    log::error("{} has a timeout but no handle_timeout", core.vtable->type);
  }
}

}  // namespace

void dispatch(ServerCore& core, Envelope* envelope) noexcept {
  try {
    const RequestType* request =
        envelope && is_request(envelope) ? &request_type_of(envelope) : nullptr;
    const bool brings_handler = request && request->server == core.vtable;
    if (request && !brings_handler && request->role == RequestRole::system) {
      note(core, envelope);
      // The wait starts anew with its full time afterwards.
      handle_system(core, envelope);
      return;
    }
    core.timeout = infinity;
    if (core.watch) [[unlikely]]
      observe(core, envelope);
    if (!envelope) {
      dispatch_timeout(core);
      return;
    }
    core.last = envelope->type;
    if (brings_handler) [[likely]] {
      if (!request->answers_at_once) note(core, envelope);
      request->invoke(core, envelope);
    } else if (request) {
      dispatch_request(core, envelope);
    } else if (holds<Exit>(envelope) && value_of<Exit>(envelope).from == core.parent) {
      Step& step = step_of(core);
      step.stops = true;
      step.reason = std::move(value_of<Exit>(envelope).reason);
      free_envelope(envelope);
    } else if (envelope->type->kind == EnvelopeKind::call) {
      note(core, envelope);
      refuse_unknown(envelope, "bad_call");
    } else {
      dispatch_info(core, envelope, envelope->type);
    }
  } catch (...) {
    fail(core, std::current_exception());
  }
}

}  // namespace troupe::detail
