// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <troupe/gen_server.hpp>

namespace troupe {

// What a handler of a GenEvent does after an event.
enum class Handled : std::uint8_t {
  keep,    // stays
  remove,  // is removed, with terminate(remove_handler)
};

namespace detail {

// What a type of event handlers is to the process that holds them.

struct EventRoute {
  const MessageType* message;
  bool is_plain;  // a plain message (handle_info), not a notification
  Handled (*invoke)(void* handler, Process& self, const void* event);
};

struct EventHandlerType {
  std::string_view name;
  void (*destroy)(void* handler) noexcept;
  Term (*terminate)(void* handler, Process& self, const Term& why);  // null: it has none
  Term (*introspect)(const void* handler);                           // likewise
  const EventRoute* routes;
  std::uint32_t route_count;
};

struct NotifyVerb {
  template <class H, class... A>
  static auto call(H& handler, A&&... a) -> decltype(handler.handle_event(std::forward<A>(a)...)) {
    return handler.handle_event(std::forward<A>(a)...);
  }
};

// With or without Process& first.
template <class Verb, class H, class... A>
decltype(auto) run_event_handler(H& handler, Process& self, A&&... a) {
  if constexpr (Takes<Verb, H, Process&, A...>) {
    return Verb::call(handler, self, std::forward<A>(a)...);
  } else {
    static_assert(Takes<Verb, H, A...>,
                  "a type in this handler's Events has no public handle_event, one in its Info no "
                  "handle_info, or its terminate takes no Term");
    return Verb::call(handler, std::forward<A>(a)...);
  }
}

template <class Verb, class H, class E>
Handled invoke_event_handler(void* handler, Process& self, const void* event) {
  H& h = *static_cast<H*>(handler);
  const E& e = *static_cast<const E*>(event);
  using Result = decltype(run_event_handler<Verb>(h, self, e));
  static_assert(std::is_void_v<Result> || std::is_same_v<Result, Handled>,
                "an event handler returns void or Handled, and never waits: all handlers of an "
                "event manager share one process");
  if constexpr (std::is_void_v<Result>) {
    run_event_handler<Verb>(h, self, e);
    return Handled::keep;
  } else {
    return run_event_handler<Verb>(h, self, e);
  }
}

template <class H>
Term terminate_event_handler(void* handler, Process& self, const Term& why) {
  H& h = *static_cast<H*>(handler);
  using Result = decltype(run_event_handler<TerminateVerb>(h, self, why));
  if constexpr (std::is_void_v<Result>) {
    run_event_handler<TerminateVerb>(h, self, why);
    return atoms::ok;
  } else {
    return run_event_handler<TerminateVerb>(h, self, why);
  }
}

template <std::size_t N>
struct EventRoutes {
  EventRoute all[N == 0 ? 1 : N];
};
template <class H, class... E, class... I>
consteval auto make_event_routes(Messages<E...>, Messages<I...>) {
  static_assert((Message<E> && ...) && (Message<I> && ...),
                "a type in this handler's Events or Info is not a message");
  return EventRoutes<sizeof...(E) + sizeof...(I)>{
      {EventRoute{&message_type<E>, false, &invoke_event_handler<NotifyVerb, H, E>}...,
       EventRoute{&message_type<I>, true, &invoke_event_handler<InfoVerb, H, I>}...}};
}
template <class H>
consteval auto events_of() {
  if constexpr (requires { typename H::Events; }) {
    return typename H::Events{};
  } else {
    return Messages<>{};
  }
}
template <class H>
consteval auto infos_of() {
  if constexpr (requires { typename H::Info; }) {
    return typename H::Info{};
  } else {
    return Messages<>{};
  }
}
template <class H>
inline constexpr auto event_routes = make_event_routes<H>(events_of<H>(), infos_of<H>());

template <class... A>
consteval std::uint32_t count_of(Messages<A...>) {
  return sizeof...(A);
}

template <class H>
consteval EventHandlerType make_event_handler_type() {
  EventHandlerType type{};
  type.name = type_name<H>();
  type.destroy = [](void* handler) noexcept { delete static_cast<H*>(handler); };
  if constexpr (Takes<TerminateVerb, H, const Term&> ||
                Takes<TerminateVerb, H, Process&, const Term&>) {
    type.terminate = &terminate_event_handler<H>;
  }
  if constexpr (requires(const H& handler) { Term{handler.introspect()}; }) {
    type.introspect = [](const void* handler) -> Term {
      return static_cast<const H*>(handler)->introspect();
    };
  }
  type.routes = event_routes<H>.all;
  type.route_count = count_of(events_of<H>()) + count_of(infos_of<H>());
  return type;
}
template <class H>
inline constexpr EventHandlerType event_handler_type = make_event_handler_type<H>();

// A handler that was just made, and who owns it.
struct NewEventHandler {
  const EventHandlerType* type;
  void* handler;
  Term id;
  Pid watcher;  // null: nobody is told of its end
};

// With Process& first, and with what the handler it replaces has left last, where it takes them.
template <class H, class... A>
H* make_event_handler(Process& self, std::tuple<A...> arguments, const Term& inherited) {
  return std::apply(
      [&](A&... a) {
        if constexpr (std::is_constructible_v<H, Process&, A..., Term>) {
          return new H(self, std::move(a)..., inherited);
        } else if constexpr (std::is_constructible_v<H, A..., Term>) {
          return new H(std::move(a)..., inherited);
        } else if constexpr (std::is_constructible_v<H, Process&, A...>) {
          return new H(self, std::move(a)...);
        } else {
          static_assert(std::is_constructible_v<H, A...>,
                        "no constructor of this event handler takes these arguments");
          return new H(std::move(a)...);
        }
      },
      arguments);
}

}  // namespace detail
}  // namespace troupe
