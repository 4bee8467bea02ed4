// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <expected>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <troupe/detail/code.hpp>
#include <troupe/detail/owned_envelope.hpp>
#include <troupe/detail/server_vtable.hpp>
#include <troupe/server_ref.hpp>
#include <troupe/start.hpp>

// Synchronous start, as in OTP's proc_lib: the starter makes the process, sends it a call whose
// request is everything the server needs to come to life, and waits for the answer. So a start that
// dies unanswered, of whatever, is an ordinary call to a process that ends.
namespace troupe::detail {

// The part of a start request that the loop reads; the arguments follow it.
struct StartHead {
  CallHead call;
  const ServerVtable* vtable = nullptr;
  // Makes the cell and, in it, the state from the arguments in the envelope.
  ServerCore* (*construct)(Process& self, Envelope* request) = nullptr;
  StartName name;
  Pid parent;  // null: the server is its own
};
template <class Arguments>
struct StartRequest {
  StartHead head;
  Arguments arguments;
};

enum class StartMode : std::uint8_t { alone, link, monitor };

struct StartOutcome {
  Pid pid;  // null: see error
  Ref monitor;
  StartError error;
  Term info = atoms::undefined;  // what a child's start function gave beside the pid
};

// Starts the server that `request` describes. OTP: gen:start.
Async<StartOutcome> start_server(Process& self, StartMode mode, Duration timeout,
                                 OwnedEnvelope request);

// How an argument is kept until the new process takes it: by value, texts as std::string, functions
// as Code, which the new process can call.
template <class A>
struct Kept {
  using Type = A;
};
template <>
struct Kept<const char*> {
  using Type = std::string;
};
template <>
struct Kept<char*> {
  using Type = std::string;
};
template <class A>
  requires(std::is_class_v<A> && std::is_empty_v<A> && !Message<A>)
struct Kept<A> {
  using Type = Code<A>;
};
template <class F>
struct Kept<Owned<F>> {
  using Type = Code<Owned<F>>;
};
template <class A>
using KeptArgument = Kept<std::decay_t<A>>::Type;

template <class S, class... A>
inline constexpr bool constructible_with_self = std::is_constructible_v<S, Process&, A...>;

template <class S, class... A>
ServerCell<S>* make_cell(Process& self, A&&... arguments) {
  using Cell = ServerCell<S>;
  static_assert(alignof(Cell) <= 16,
                "an over-aligned server must keep such state behind a pointer");
  void* memory = allocate(sizeof(Cell));
  try {
    auto* cell = ::new (memory) Cell;
    if constexpr (constructible_with_self<S, A...>) {
      ::new (static_cast<void*>(&cell->state)) S(self, std::forward<A>(arguments)...);
    } else {
      ::new (static_cast<void*>(&cell->state)) S(std::forward<A>(arguments)...);
    }
    return cell;
  } catch (...) {
    deallocate(memory, sizeof(Cell));
    throw;
  }
}

template <class S, class... A>
ServerCore* construct_server(Process& self, Envelope* envelope) {
  auto& arguments = value_of<StartRequest<std::tuple<A...>>>(envelope).arguments;
  return std::apply([&](A&... a) { return make_cell<S>(self, std::move(a)...); }, arguments);
}

template <class S, class... A>
inline constexpr RequestType start_type =
    request_type<StartRequest<std::tuple<A...>>, StartRequest<std::tuple<A...>>>(
        RequestRole::start, &server_vtable<S>, nullptr);

// The request that starts an S; `arguments` are the constructor's, without Process&.
template <class S, class... A>
OwnedEnvelope make_start_request(StartName name, std::tuple<A...> arguments) {
  static_assert(constructible_with_self<S, A...> || std::is_constructible_v<S, A...>,
                "no constructor of this server takes these start arguments (with or without "
                "Process& before them)");
  static_assert((Message<A> && ...),
                "a start argument is not a message: it refers to something "
                "it does not own (see troupe/message.hpp)");
  using Request = StartRequest<std::tuple<A...>>;
  StartHead head;
  head.vtable = &server_vtable<S>;
  head.construct = &construct_server<S, A...>;
  head.name = std::move(name);
  return OwnedEnvelope{
      make_request<Request>(start_type<S, A...>, Request{std::move(head), std::move(arguments)})};
}

// What a start gives when it is awaited: the reference itself (a failure is thrown), or an expected
// where Try.
template <class S, StartMode Mode, bool Try>
class [[nodiscard("a server is started when this is awaited")]] StartAwaitable {
  using Inner = decltype(std::declval<Async<StartOutcome>&>().operator co_await());
  struct MonitoredServer {
    ServerRef<S> server;
    Ref ref;
  };
  using Given = std::conditional_t<Mode == StartMode::monitor, MonitoredServer, ServerRef<S>>;

 public:
  explicit StartAwaitable(Async<StartOutcome> start) noexcept : start_{std::move(start)} {}
  struct Awaiter : Inner {
    explicit Awaiter(Inner inner) noexcept : Inner{inner} {}
    std::conditional_t<Try, std::expected<Given, StartError>, Given> await_resume() const {
      StartOutcome outcome = Inner::await_resume();
      if (!outcome.pid) {
        if constexpr (Try) {
          return std::expected<Given, StartError>{std::unexpect, std::move(outcome.error)};
        } else {
          throw StartException{std::move(outcome.error)};
        }
      }
      if constexpr (Mode == StartMode::monitor) {
        return MonitoredServer{ServerRef<S>{outcome.pid}, outcome.monitor};
      } else {
        return ServerRef<S>{outcome.pid};
      }
    }
  };
  Awaiter operator co_await() noexcept { return Awaiter{start_.operator co_await()}; }

 private:
  Async<StartOutcome> start_;
};

}  // namespace troupe::detail
