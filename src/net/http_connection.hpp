// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <troupe/http_server.hpp>

#include "net/deadline.hpp"
#include "net/http_parser.hpp"
#include "net/http_router.hpp"

namespace troupe::http::detail {

// What the processes of one server share.
struct ServerShared {
  ServerOptions options;
  Router router;
  std::atomic<bool> is_draining{false};

  net::TlsContext tls() const {
    const std::lock_guard guard{lock};
    return current_tls;
  }
  void set_tls(net::TlsContext context) {
    const std::lock_guard guard{lock};
    current_tls = std::move(context);
  }
  mutable std::mutex lock;
  net::TlsContext current_tls;  // under the lock
};

// What a connection shares with its server: whether an answer is under way. Both sides write first
// and look then (the server is_draining, the connection is_busy), so that one of them sees the
// other: no request is taken up that nobody lets finish.
struct ConnectionShared {
  std::shared_ptr<ServerShared> server;
  std::atomic<bool> is_busy{false};
};

struct ConnectionStart {
  std::shared_ptr<ConnectionShared> shared;
  net::Stream stream;
};

// The process of one connection.
Async<> connection_body(Process& self, ConnectionStart start);

class Connection {
 public:
  Connection(Process& self, ConnectionShared& shared, net::Channel channel);

  // Request after request, until one side wants no more.
  Async<> run();

  const Request& request() const noexcept { return *request_; }
  std::string_view capture(std::string_view name) const noexcept;
  const net::Channel& channel() const noexcept { return channel_; }

  Async<Result<void>> begin(Response head);
  Async<Result<void>> write_piece(std::string_view bytes);
  // The stream may end at any time without harm, so that a server that ends need not wait for it.
  void mark_idle() noexcept { shared_.is_busy = false; }

 private:
  enum class Got : std::uint8_t { bytes, later, nothing };

  const ServerOptions& options() const noexcept { return shared_.server->options; }
  bool is_head() const noexcept { return request_ && request_->method == "HEAD"; }
  Got read_some();
  Async<bool> read_request(MessageParser& parser);
  Async<bool> admit(MessageParser& parser);
  Async<> serve(MessageParser& parser);
  Async<> call_handler(const Handler& handler);
  Async<> respond(Response response);
  Async<> refuse(int status, std::string_view why);
  Async<> linger();
  Async<bool> write(std::string bytes);
  void append_common_fields(std::string& out, const Response& response);

  Process& self_;
  ConnectionShared& shared_;
  net::Channel channel_;
  std::string buffer_;  // what has come and belongs to no request yet
  std::size_t requests_ = 0;
  bool closing_ = false;

  // Of the request that is being answered.
  const Request* request_ = nullptr;
  std::optional<Response> refusal_;  // in the place of the handler's answer
  Router::Table::Captures captures_;
  bool is_http_1_1_ = true;
  bool has_begun_ = false;
  bool is_chunked_ = false;
};

}  // namespace troupe::http::detail

template <>
inline constexpr bool troupe::enable_message<troupe::http::detail::ConnectionStart> = true;
