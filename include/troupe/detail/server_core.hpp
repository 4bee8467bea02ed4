// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

#include <troupe/async.hpp>
#include <troupe/detail/behaviour.hpp>
#include <troupe/detail/call.hpp>
#include <troupe/message.hpp>
#include <troupe/next.hpp>
#include <troupe/process.hpp>

// The half of GenServer that knows no types. The loop (src/otp/gen_server.cpp) is one coroutine for
// all servers; what differs per server type and per message type is reached through constants of
// function pointers, so that a new server costs the compiler a few small functions.
namespace troupe::detail {

struct ServerCore;
struct Watch;

// Takes the message out of its envelope, frees that, and runs the handler. An Async handler is not
// run: it is left in the core's step for the loop to await.
using Invoke = void (*)(ServerCore& core, Envelope* envelope);

enum class RequestRole : std::uint8_t { call, cast, info, continuation, start, system };

// The type of an envelope that a server understands. A typed request (through a ServerRef) brings
// its handler along in `invoke`, so that dispatch is one comparison and one indirect call however
// many messages a server has; a dynamic one (by pid or name) has a null `server`, and is looked up
// among the messages the server lists.
struct RequestType : MessageType {
  RequestRole role;
  const Behaviour* server;     // whose handler `invoke` is; null: a dynamic request
  Invoke invoke;               // null in a dynamic request
  const MessageType* message;  // of the message inside: its identity and its name
  void (*destroy_value)(Envelope* envelope) noexcept;  // null: nothing to end
  bool answers_at_once = false;                        // a call that need not be noted
};

// Ends the value of any request; being the `destroy` of all RequestTypes and of nothing else, it is
// also how one is recognised.
void destroy_request(Envelope* envelope) noexcept;

inline bool is_request(const Envelope* envelope) noexcept {
  return envelope->type->destroy == &destroy_request;
}
inline const RequestType& request_type_of(const Envelope* envelope) noexcept {
  return *static_cast<const RequestType*>(envelope->type);
}

// V is what the envelope holds: M itself, or Call<M>.
template <class V, class M>
constexpr RequestType request_type(RequestRole role, const Behaviour* server, Invoke invoke,
                                   bool answers_at_once = false) {
  const MessageType& plain = message_type<V>;
  const EnvelopeKind kind =
      role == RequestRole::call || role == RequestRole::start || role == RequestRole::system
          ? EnvelopeKind::call
          : EnvelopeKind::message;
  return RequestType{{kind, plain.size, plain.offset, &destroy_request, type_name<M>()},
                     role,
                     server,
                     invoke,
                     &message_type<M>,
                     plain.destroy,
                     answers_at_once};
}

// The value of an envelope whose type is known, moved out; the envelope is freed, also when the
// move throws.
template <class V>
V take_value(Envelope* envelope) {
  auto* typed = static_cast<TypedEnvelope<V>*>(envelope);
  struct Release {
    TypedEnvelope<V>* typed;
    ~Release() {
      typed->value.~V();
      deallocate(typed, sizeof(TypedEnvelope<V>));
    }
  } release{typed};
  return V(std::move(typed->value));
}

// A message that a server lists, with its handler.
struct Route {
  const MessageType* message;
  RequestRole role;
  Invoke invoke;
  bool answers_at_once = false;
};

// What a server type is to the loop. Null functions: the type has no such handler.
struct ServerVtable : Behaviour {
  void (*destroy)(ServerCore& core) noexcept;  // ends the state and frees the cell
  void (*mark_torn)(ServerCore& core) noexcept;
  void (*init)(ServerCore& core);
  void (*timeout)(ServerCore& core);
  void (*terminate)(ServerCore& core, const ExitReason& reason);
  Invoke any;
  Term (*introspect)(const ServerCore& core);
  Term (*format_status)(const ServerCore& core);  // what of it may be shown in reports
  const Route* routes;
  std::uint32_t route_count;
};

// What a handler has left to be done, where it is more than "wait for the next message". Allocated
// for that moment only: an idle server has none.
struct Step {
  ~Step() {
    if (late_reply) free_envelope(late_reply);
  }
  Async<> pending;  // an Async handler that is to be awaited
  bool is_pending = false;
  bool stops = false;    // terminate, send the late reply, end
  bool ignores = false;  // init answered ignore
  ExitReason reason;     // of the stop
  CallHead late_head;    // a reply that waits until terminate has run
  Envelope* late_reply = nullptr;

  void* operator new(std::size_t size) { return allocate(size); }
  void operator delete(void* memory, std::size_t size) noexcept { deallocate(memory, size); }
};

// A running server; the state follows it in the same piece of memory (ServerCell).
struct ServerCore {
  const ServerVtable* vtable = nullptr;
  Process* self = nullptr;
  Pid parent;                         // whose EXIT ends the server
  bool suspended = false;             // by sys: only system messages are taken
  Duration timeout = infinity;        // of the next wait
  Envelope* continuation = nullptr;   // for handle_continue, before the mailbox is looked at
  const MessageType* last = nullptr;  // type of what was handled last
  Step* step = nullptr;
  Watch* watch = nullptr;  // by sys; null in most servers
};

template <class S>
struct ServerCell final : ServerCore {
  ServerCell() noexcept {}
  ~ServerCell() {}
  union {
    S state;
  };
};

template <class S>
S& state_of(ServerCore& core) noexcept {
  return static_cast<ServerCell<S>&>(core).state;
}

Step& step_of(ServerCore& core);

// Leaves the Async handler to the loop.
inline void await_later(ServerCore& core, Async<> handler) {
  Step& step = step_of(core);
  step.pending = std::move(handler);
  step.is_pending = true;
}

// Does what a handler asked for with its Next. `reply`, if any, is sent now, or after terminate if
// the server is to stop.
void follow(ServerCore& core, Next& next);
void follow(ServerCore& core, Next& next, const CallHead& head, Envelope* reply);
void follow(ServerCore& core, Init& init);

}  // namespace troupe::detail
