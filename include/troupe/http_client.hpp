// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <troupe/http.hpp>
#include <troupe/process.hpp>
#include <troupe/tls.hpp>

namespace troupe::http {

struct ClientOptions {
  net::TlsContext tls = {};  // for https; none: one that trusts whom the system trusts
  std::size_t max_header_bytes = 64 * 1024;
  std::size_t max_body_bytes = 16 * 1024 * 1024;
  Duration connect_timeout = std::chrono::seconds{10};  // with the TLS handshake
  Duration timeout = std::chrono::seconds{30};          // from sending to the last byte
};

// An HTTP/1.1 client of one server, with one connection that is kept and renewed as needed. Belongs
// to one process at a time; a process that wants several requests under way at once has several
// clients. Redirects are not followed, cookies not kept: both are policies of the caller.
//
//     http::Client client{"http://127.0.0.1:8080"};
//     auto response = co_await client.send(self, {.method = "GET", .target = "/healthz"});
//     if (response && response->status == 200) ...
//
// A kept connection may have been closed by the server in the meantime. If that is known when a
// request is sent, the request goes over a new one. If it shows later, but before any byte of an
// answer, the request is sent once more on a new connection if its method is idempotent (GET, HEAD,
// PUT, DELETE, OPTIONS); others come back as the error `closed`.
class Client {
 public:
  // Scheme, host and port of `base` count, its path does not. A text that is no URL shows at the
  // first send.
  explicit Client(std::string_view base, ClientOptions options = {});

  // Sends, and waits for the whole answer; a status of 400 or more is an answer like others.
  // Errors: all of ErrorKind.
  Async<Result<Response>> send(Process& self, Request request);

  // send, of the two requests that are made most. `type` is the Content-Type of the body.
  Async<Result<Response>> get(Process& self, std::string_view target);
  Async<Result<Response>> post(Process& self, std::string_view target, std::string_view type,
                               std::string_view body);

  void close() noexcept { channel_.close(); }

 private:
  friend class EventSource;
  struct Attempt;
  Async<Result<void>> connect(Process& self);
  Async<Result<Response>> attempt(Process& self, Attempt& attempt);

  Result<Url> url_;
  ClientOptions options_;
  net::Channel channel_;
};

// One request on a connection of its own.
Async<Result<Response>> fetch(Process& self, std::string_view url, Request request = {},
                              ClientOptions options = {});

}  // namespace troupe::http
