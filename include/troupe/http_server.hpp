// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <concepts>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <troupe/http.hpp>
#include <troupe/process.hpp>
#include <troupe/tls.hpp>

// An HTTP/1.1 server for processes: each connection is a process, which reads a request, runs the
// handler of its route, and goes on with the next (keep-alive; pipelined requests are answered in
// order). A handler waits like any process code: it may call servers and receive messages.
//
//     http::Router router;
//     router.on("GET", "/hello/{name}", [](const http::Exchange& exchange) {
//       return http::Response::text(200, "hello " + std::string{exchange.capture("name")} + "\n");
//     });
//     auto server = co_await http::start_link(self, {.listen = {"127.0.0.1", 8080}}, router);
//
// **Failure**: a handler that throws costs its connection and nothing else. The client gets 500
// where no answer has begun, the connection's process ends with the exception as its reason, and
// the server logs it. Bad requests are answered by the server itself: 400 malformed, 408 too slow,
// 413 and 431 too large, 404 and 405 (with Allow) by the router, 501 for a transfer coding nobody
// knows.
//
// **Limits**: every one is a field of ServerOptions. A request's header has to be complete within
// `header_timeout` of its first byte, however slowly its bytes trickle.
//
// **Before the body**: whoever has not shown who he is should not have memory for a large one.
// Router::admit() sees each request when its header is there, and refuses it or bounds its body.
//
// **End**: on an exit signal from its parent the server stops listening, lets every request that is
// being answered finish for up to `drain_timeout`, and closes the rest.
namespace troupe::http {

class ResponseStream;
class EventStream;

namespace detail {
class Connection;
}

// One request, and the way to answer it. Valid until the handler returns.
class Exchange {
 public:
  Exchange(const Exchange&) = delete;

  const Request& request() const noexcept;
  // What stood in the place of "{name}" in the route's pattern, decoded; empty if it has no such
  // name.
  std::string_view capture(std::string_view name) const noexcept;
  const net::Address& peer() const noexcept;
  bool is_encrypted() const noexcept;

  // Begins an answer whose length is not known yet. `head.body` is ignored. The handler then writes
  // to the stream, and what it returns is not sent any more. Throws ErrorException{badarg} the
  // second time.
  Async<Result<ResponseStream>> begin(Process& self, Response head);

 private:
  friend class detail::Connection;
  friend class EventStream;
  explicit Exchange(detail::Connection& connection) noexcept : connection_{connection} {}
  void mark_idle() noexcept;
  detail::Connection& connection_;
};

// The body of an answer, piece by piece; belongs to the handler and ends with it.
class ResponseStream {
 public:
  // Waits while the client does not read, at most ServerOptions::write_timeout. An error: nobody
  // reads on, so the handler should return. Either the client is gone, and the connection ends
  // then; or the request was HEAD, whose answer has no body, and the connection goes on.
  Async<Result<void>> write(Process& self, std::string_view bytes);

 private:
  friend class Exchange;
  explicit ResponseStream(detail::Connection& connection) noexcept : connection_{&connection} {}
  detail::Connection* connection_;
};

// What becomes of a request whose header is there, before any of its body is read.
struct Admission {
  // Is answered in the place of the handler's answer. A body that was to come is not waited for:
  // the connection is closed then.
  std::optional<Response> refusal = {};
  std::size_t max_body_bytes = SIZE_MAX;  // ServerOptions::max_body_bytes holds all the same
};

namespace detail {

struct Gate {
  Gate() = default;
  Gate(const Gate&) = delete;
  virtual ~Gate();
  virtual Admission admit(Process& self, const Exchange& exchange) const = 0;
};

template <class F>
struct CallableGate final : Gate {
  explicit CallableGate(F f) : callable{std::move(f)} {}
  Admission admit(Process& self, const Exchange& exchange) const override {
    return callable(self, exchange);
  }
  F callable;
};

struct Handler {
  Handler() = default;
  Handler(const Handler&) = delete;
  virtual ~Handler();
  virtual Async<Response> handle(Process& self, Exchange& exchange) const = 0;
};

template <class F>
struct CallableHandler final : Handler {
  explicit CallableHandler(F f) : callable{std::move(f)} {}
  Async<Response> handle(Process& self, Exchange& exchange) const override {
    if constexpr (std::is_invocable_r_v<Async<Response>, const F&, Process&, Exchange&>) {
      return callable(self, exchange);
    } else if constexpr (std::is_invocable_r_v<Async<>, const F&, Process&, Exchange&>) {
      return then_nothing(self, exchange);
    } else {
      return at_once(exchange);
    }
  }
  Async<Response> then_nothing(Process& self, Exchange& exchange) const {
    co_await callable(self, exchange);
    co_return Response{.status = 204};
  }
  Async<Response> at_once(Exchange& exchange) const { co_return callable(std::as_const(exchange)); }
  F callable;
};

template <class F>
concept HandlerFunction = std::is_invocable_r_v<Async<Response>, const F&, Process&, Exchange&> ||
                          std::is_invocable_r_v<Async<>, const F&, Process&, Exchange&> ||
                          std::is_invocable_r_v<Response, const F&, const Exchange&>;

}  // namespace detail

// Which handler answers what. Copies share the routes; not to be changed once a server has it.
class Router {
 public:
  struct Table;

  Router();

  // `pattern`: literal segments, "{name}" for exactly one segment, and at the end "{name...}" for
  // all that is left: "/sessions/{id}", "/static/{path...}". Of several patterns that fit, the one
  // added first. HEAD is answered by the GET route, without the body.
  //
  // The handler is one of
  //     Response         (const Exchange&)              answers at once
  //     Async<Response>  (Process& self, Exchange&)     may wait
  //     Async<>          (Process& self, Exchange&)     answers through begin(); 204 if it did not
  // It is called from many connections at once, so what it captures must not change.
  template <detail::HandlerFunction F>
  Router& on(std::string_view method, std::string_view pattern, F handler) {
    add(method, pattern, std::make_shared<detail::CallableHandler<F>>(std::move(handler)));
    return *this;
  }

  // Asks `gate`, an Admission (Process&, const Exchange&), about every request, also one that has
  // no route, before its body is read. It answers at once; the exchange has no body and no captures
  // yet. Called from many connections at once, as handlers are. One that throws costs its
  // connection. The last one given counts; with none, everything is let in.
  template <class F>
    requires std::is_invocable_r_v<Admission, const F&, Process&, const Exchange&>
  Router& admit(F gate) {
    set_gate(std::make_shared<detail::CallableGate<F>>(std::move(gate)));
    return *this;
  }

 private:
  friend class detail::Connection;
  void set_gate(std::shared_ptr<const detail::Gate> gate);
  void add(std::string_view method, std::string_view pattern,
           std::shared_ptr<const detail::Handler> handler);
  std::shared_ptr<Table> table_;
};

struct ServerOptions {
  net::Address listen = {"127.0.0.1", 8080};  // port 0: the system chooses, see listening_port
  net::TlsContext tls = {};                   // none: without TLS
  std::size_t max_connections = 10'000;       // one more is told 503 and closed
  std::size_t max_header_bytes = 16 * 1024;   // of the request line and all fields
  std::size_t max_body_bytes = 1024 * 1024;
  std::size_t max_requests = 100'000;                  // on one connection; then it is closed
  Duration header_timeout = std::chrono::seconds{10};  // also of the TLS handshake
  Duration body_timeout = std::chrono::seconds{60};
  Duration idle_timeout = std::chrono::seconds{75};   // between two requests
  Duration write_timeout = std::chrono::seconds{60};  // for one write the client does not take
  Duration drain_timeout = std::chrono::seconds{5};
};

// Starts a server linked to the caller; returns once it listens. The reason says why it cannot. The
// pid is a child for supervisors: child("web", http::start_link, options, router).
Async<std::expected<Pid, ExitReason>> start_link(Process& self, ServerOptions options,
                                                 Router router);

// The port a server listens on; 0 if it is gone.
Async<std::uint16_t> listening_port(Process& self, Pid server);

// Other keys and certificates for the connections to come. Only for a server that has TLS.
void renew_tls(Pid server, net::TlsContext tls);

}  // namespace troupe::http

template <>
inline constexpr bool troupe::enable_message<troupe::http::Router> = true;
template <>
inline constexpr bool troupe::enable_message<troupe::http::ServerOptions> = true;
