// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Three kinds of process: the server, which the parent knows, an acceptor, which stands in accept
// and hands each stream to the server, and one per connection. All are linked to the server, which
// traps exits: a connection that crashes is a line in its book, and nothing outlives it.
#include <map>

#include <troupe/detail/caller_place.hpp>
#include <troupe/http_server.hpp>
#include <troupe/log.hpp>
#include <troupe/spawn.hpp>

#include "net/http_connection.hpp"

namespace troupe::http {

using namespace std::chrono_literals;

namespace {

// When descriptors are used up, some connection has to end before the next can begin.
constexpr Duration pause_without_descriptors = 100ms;

struct Accepted {
  net::Stream stream;
};
struct PortQuestion {
  Pid from;
  Ref ref;
};
struct PortAnswer {
  Ref ref;
  std::uint16_t port;
};
struct RenewTls {
  net::TlsContext tls;
};

struct SharedPtr {
  std::shared_ptr<detail::ServerShared> shared;
};

}  // namespace
}  // namespace troupe::http

template <>
inline constexpr bool troupe::enable_message<troupe::http::Accepted> = true;
template <>
inline constexpr bool troupe::enable_message<troupe::http::RenewTls> = true;
template <>
inline constexpr bool troupe::enable_message<troupe::http::SharedPtr> = true;

namespace troupe::http {
namespace {

Async<> accept_connections(Process& self, Pid server, net::Listener listener) {
  while (true) {
    auto stream = co_await listener.accept(self);
    if (stream) {
      troupe::send(server, Accepted{std::move(*stream)});
    } else if (stream.error().kind == net::ErrorKind::too_many_files) {
      log::warning("HTTP server: no descriptors for another connection; pausing");
      co_await self.sleep(pause_without_descriptors);
    } else {
      throw ErrorException{Term::binary("accept failed: " + stream.error().text)};
    }
  }
}

class Server {
 public:
  Server(Process& self, Pid parent, std::shared_ptr<detail::ServerShared> shared,
         net::Listener listener)
      : self_{self}, parent_{parent}, shared_{std::move(shared)}, port_{listener.port()} {
    self_.trap_exits();
    acceptor_ = spawn_link(accept_connections, self_.pid(), std::move(listener));
  }

  Async<> run() {
    while (!end_) {
      co_await self_.receive([this](Accepted accepted) { welcome(std::move(accepted.stream)); },
                             [this](PortQuestion question) {
                               troupe::send(question.from, PortAnswer{question.ref, port_});
                             },
                             [this](RenewTls renew) {
                               if (shared_->tls()) shared_->set_tls(std::move(renew.tls));
                             },
                             [this](Exit exit) { note_end(exit); }, [](Any) {});
    }
    co_await drain();
    self_.exit(*end_);
  }

 private:
  void welcome(net::Stream stream) {
    if (connections_.size() >= shared_->options.max_connections) {
      if (!shared_->tls()) {
        (void)stream.try_write(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      }
      return;
    }
    auto shared = std::make_shared<detail::ConnectionShared>();
    shared->server = shared_;
    const Pid pid =
        spawn_link(detail::connection_body, detail::ConnectionStart{shared, std::move(stream)});
    connections_.emplace(pid, std::move(shared));
  }

  void note_end(const Exit& exit) {
    if (connections_.erase(exit.from) > 0) return;  // a crash has been reported already
    if (exit.from == parent_ || exit.from == acceptor_) end_ = exit.reason;
  }

  // No new connections, no idle ones; those that answer somebody may finish, for a while.
  Async<> drain() {
    shared_->is_draining = true;
    troupe::exit(acceptor_, ExitReason{atoms::kill});
    for (const auto& [pid, connection] : connections_) {
      if (!connection->is_busy) troupe::exit(pid, ExitReason{atoms::shutdown});
    }
    net::Deadline deadline{shared_->options.drain_timeout};
    bool in_time = true;
    while (in_time && !connections_.empty()) {
      in_time = co_await self_.receive(
          [this](Exit exit) {
            connections_.erase(exit.from);
            return true;
          },
          [](Accepted) { return true; },  // too late; the stream closes here
          after(deadline.left(self_), [] { return false; }));
    }
    for (const auto& [pid, connection] : connections_) {
      troupe::exit(pid, ExitReason{atoms::kill});
    }
  }

  Process& self_;
  Pid parent_;
  std::shared_ptr<detail::ServerShared> shared_;
  std::uint16_t port_;
  Pid acceptor_;
  std::map<Pid, std::shared_ptr<detail::ConnectionShared>> connections_;
  std::optional<ExitReason> end_;
};

Async<> server_body(Process& self, Pid parent, SharedPtr shared, net::Listener listener) {
  Server server{self, parent, std::move(shared.shared), std::move(listener)};
  co_await server.run();
}

}  // namespace

Async<std::expected<Pid, ExitReason>> start_link(Process& self, ServerOptions options,
                                                 Router router) {
  auto listener = net::Listener::listen(self, options.listen);
  if (!listener) {
    co_return std::unexpected(ExitReason{Term::binary("cannot listen on " + options.listen.host +
                                                      ":" + std::to_string(options.listen.port) +
                                                      ": " + listener.error().text)});
  }
  auto shared = std::make_shared<detail::ServerShared>();
  shared->current_tls = options.tls;
  shared->options = std::move(options);
  shared->router = std::move(router);
  co_return spawn_link(server_body, self.pid(), SharedPtr{std::move(shared)}, std::move(*listener));
}

Async<std::uint16_t> listening_port(Process& self, Pid server) {
  const troupe::detail::CallerPlace place{self};
  const Ref ref = self.monitor(server);
  troupe::send(server, PortQuestion{self.pid(), ref});
  const std::uint16_t port =
      co_await place(self.receive(when([&](const PortAnswer& answer) { return answer.ref == ref; },
                                       [](PortAnswer answer) { return answer.port; }),
                                  when([&](const Down& down) { return down.ref == ref; },
                                       [](Down) { return std::uint16_t{0}; })));
  self.demonitor(ref, Flush::yes);
  co_return port;
}

void renew_tls(Pid server, net::TlsContext tls) { troupe::send(server, RenewTls{std::move(tls)}); }

// --- Exchange, ResponseStream.

const Request& Exchange::request() const noexcept { return connection_.request(); }
std::string_view Exchange::capture(std::string_view name) const noexcept {
  return connection_.capture(name);
}
const net::Address& Exchange::peer() const noexcept { return connection_.channel().peer(); }
bool Exchange::is_encrypted() const noexcept { return connection_.channel().is_encrypted(); }

Async<Result<ResponseStream>> Exchange::begin(Process&, Response head) {
  auto begun = co_await connection_.begin(std::move(head));
  if (!begun) co_return std::unexpected{std::move(begun.error())};
  co_return ResponseStream{connection_};
}

void Exchange::mark_idle() noexcept { connection_.mark_idle(); }

Async<Result<void>> ResponseStream::write(Process&, std::string_view bytes) {
  return connection_->write_piece(bytes);
}

}  // namespace troupe::http
