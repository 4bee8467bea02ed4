// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <troupe/tls.hpp>
#include <troupe/troupe.hpp>

#include "server/server.hpp"

namespace greenroom {

// The process of one client connection. Its stream comes as its first message, a NewClient, because
// a child's arguments are copied and a stream cannot be.
//
// It reads, sends each command to the process of its session without waiting for the answer before
// it, and then writes the replies in the order of the requests: a pipeline costs one write, and in
// `commit` mode one commit. While it writes it does not read, so a client that does not take its
// replies cannot make it grow; one that takes nothing for `write_limit` is dropped.
// With TLS the handshake comes first.
struct NewClient {
  troupe::net::Stream stream;
  troupe::net::TlsContext tls;  // none: without TLS
};

troupe::Async<> connection(troupe::Process& self, ServerPtr server);

}  // namespace greenroom
