// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <utility>

#include <troupe/tls.hpp>
#include <troupe/troupe.hpp>

#include "server/server.hpp"

namespace greenroom {

// One of those that max_clients counts, from its being accepted to its end: also while it is still
// at its handshake, or it is on its way to its process.
class OpenConnection {
 public:
  explicit OpenConnection(ServerPtr server) : server_{server} {
    server->house.counters.connections_open.fetch_add(1, std::memory_order_relaxed);
  }
  OpenConnection(OpenConnection&& other) noexcept : server_{std::exchange(other.server_, {})} {}
  OpenConnection& operator=(OpenConnection&& other) noexcept {
    std::swap(server_, other.server_);
    return *this;
  }
  ~OpenConnection() {
    if (server_.server == nullptr) return;
    server_->house.counters.connections_open.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  ServerPtr server_;
};

// The process of one client connection. Its stream comes as its first message, a NewClient, because
// a child's arguments are copied and a stream cannot be.
//
// It reads, sends each command to the process of its session without waiting for the answer before
// it, and then writes the replies in the order of the requests: a pipeline costs one write, and in
// `commit` mode one commit. While it writes it does not read, so a client that does not take its
// replies cannot make it grow; one that takes nothing for `write_limit` is dropped.
// With TLS the handshake comes first.
struct NewClient {
  OpenConnection counted;
  troupe::net::Stream stream;
  troupe::net::TlsContext tls;  // none: without TLS
};

troupe::Async<> connection(troupe::Process& self, ServerPtr server);

}  // namespace greenroom

template <>
inline constexpr bool troupe::enable_message<greenroom::OpenConnection> = true;
