// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "server/listener.hpp"

#include <troupe/dynamic_supervisor.hpp>
#include <troupe/net.hpp>

#include "server/connection.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// When descriptors are used up, some connection has to end before the next can begin.
constexpr Duration pause_without_descriptors = 100ms;
// A connection that is told to end may take so long to answer what its client has sent.
constexpr Duration drain_limit = 10s;

// A server that everybody may write to is a mistake more often than a wish.
bool is_refused_by_protected_mode(const Server& server, const net::Address& peer) {
  const bool is_local = peer.host.starts_with("127.") || peer.host == "::1";
  return server.options.protected_mode && !is_local && !server.has_passwords;
}

// What a client is told before it is closed; within TLS nothing could be said before a handshake.
void refuse(net::Stream& stream, bool with_tls, std::string_view error) {
  if (!with_tls) (void)stream.try_write(error);
}

Async<> welcome(Process& self, ServerPtr server, net::Stream stream, bool with_tls) {
  Counters& counters = server->house.counters;
  if (is_refused_by_protected_mode(*server.server, stream.peer())) {
    counters.connections_rejected.fetch_add(1, std::memory_order_relaxed);
    refuse(stream, with_tls,
           "-DENIED Greenroom runs in protected mode: no password is set, so only clients on this "
           "machine are served. Set one (requirepass), or start it with --no-protected-mode.\r\n");
    co_return;
  }
  counters.connections_received.fetch_add(1, std::memory_order_relaxed);
  if (counters.connections_open.load() >= server->options.max_clients) {
    counters.connections_rejected.fetch_add(1, std::memory_order_relaxed);
    refuse(stream, with_tls, "-ERR max number of clients reached\r\n");
    co_return;
  }
  OpenConnection counted{server};
  ChildSpec spec = child("connection", connection, server);
  // To finish what has come when the server ends.
  spec.restart(temporary).shutdown(drain_limit);
  auto started = co_await DynamicSupervisor::start_child(
      self, named<DynamicSupervisor>(connections_name), std::move(spec));
  if (!started || !started->pid) co_return;
  net::TlsContext tls = with_tls ? server->tls() : net::TlsContext{};
  send(started->pid, NewClient{std::move(counted), std::move(stream), std::move(tls)});
}

Async<> accept_connections(Process& self, ServerPtr server, net::Listener listener, bool with_tls) {
  while (true) {
    auto stream = co_await listener.accept(self);
    if (stream) {
      co_await welcome(self, server, std::move(*stream), with_tls);
      continue;
    }
    if (stream.error().kind != net::ErrorKind::too_many_files) {
      throw ErrorException{Term::binary("accept failed: " + stream.error().text)};
    }
    log::warning("no descriptors for another connection; pausing");
    co_await self.sleep(pause_without_descriptors);
  }
}

std::expected<Pid, ExitReason> start(Process& supervisor, ServerPtr server, std::uint16_t wanted,
                                     std::atomic<std::uint16_t>& port, bool with_tls) {
  // After a restart the port of before, also where the system chose it.
  const std::uint16_t before = port;
  const std::uint16_t on = before != 0 ? before : wanted;
  auto listener = net::Listener::listen(supervisor, {server->options.bind, on});
  if (!listener) {
    return std::unexpected(
        ExitReason{Term::binary("cannot listen on " + server->options.bind + ":" +
                                std::to_string(on) + ": " + listener.error().text)});
  }
  port = listener->port();
  return spawn_link(accept_connections, server, std::move(*listener), bool{with_tls});
}

}  // namespace

Async<std::expected<Pid, ExitReason>> start_listener(Process& supervisor, ServerPtr server) {
  co_return start(supervisor, server, server->options.port, server->port, false);
}

Async<std::expected<Pid, ExitReason>> start_tls_listener(Process& supervisor, ServerPtr server) {
  co_return start(supervisor, server, static_cast<std::uint16_t>(server->options.tls_port),
                  server->tls_port, true);
}

}  // namespace greenroom
