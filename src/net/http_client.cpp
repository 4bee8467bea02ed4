// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include <troupe/detail/caller_place.hpp>
#include <troupe/http_client.hpp>

#include "net/deadline.hpp"
#include "net/http_client_wire.hpp"

namespace troupe::http {

Error error_from(const net::Error& error) {
  switch (error.kind) {
    case net::ErrorKind::timed_out:
      return Error{ErrorKind::timed_out, error.text};
    case net::ErrorKind::closed:
    case net::ErrorKind::reset:
      return Error{ErrorKind::closed, error.text};
    case net::ErrorKind::tls:
      return Error{ErrorKind::tls, error.text};
    case net::ErrorKind::bad_address:
      return Error{ErrorKind::bad_url, error.text};
    default:
      return Error{ErrorKind::network, error.text};
  }
}

net::Result<std::size_t> read_some(net::Channel& channel, std::string& buffer) {
  std::array<char, 16 * 1024> piece;
  auto count = channel.try_read(piece);
  if (count) buffer.append(piece.data(), *count);
  return count;
}

namespace {

bool is_idempotent(std::string_view method) noexcept {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS";
}

// Whether a connection has ended since the last answer, or the server has said something on it that
// answers nothing: that it has waited long enough (408), as some do before they close.
bool is_stale(net::Channel& channel) {
  char byte = 0;
  const auto count = channel.try_read(std::span{&byte, 1});
  return count || count.error().kind != net::ErrorKind::would_block;
}

}  // namespace

struct Client::Attempt {
  std::string bytes;
  bool is_head = false;
  bool something_came = false;
};

Client::Client(std::string_view base, ClientOptions options)
    : url_{parse_url(base)}, options_{std::move(options)} {}

Async<Result<void>> Client::connect(Process& self) {
  const troupe::detail::CallerPlace place{self};
  if (channel_.is_open()) co_return Result<void>{};
  net::Deadline deadline{options_.connect_timeout};
  net::Address address{url_->host, url_->port};
  auto stream = co_await place(net::Stream::connect(self, std::move(address), deadline.left(self)));
  if (!stream) co_return std::unexpected{error_from(stream.error())};
  if (!url_->is_encrypted) {
    channel_ = net::Channel{std::move(*stream)};
    co_return Result<void>{};
  }
  if (!options_.tls) {
    auto context = net::TlsContext::client({});
    if (!context) co_return std::unexpected{error_from(context.error())};
    options_.tls = std::move(*context);
  }
  auto channel = co_await place(net::Channel::connect_tls(self, std::move(*stream), options_.tls,
                                                          url_->host, deadline.left(self)));
  if (!channel) co_return std::unexpected{error_from(channel.error())};
  channel_ = std::move(*channel);
  co_return Result<void>{};
}

Async<Result<Response>> Client::send(Process& self, Request request) {
  const troupe::detail::CallerPlace place{self};
  if (!url_) co_return std::unexpected{url_.error()};
  if (!request.fields.has("host")) request.fields.set("Host", url_->authority());
  Attempt attempt{.bytes = to_wire(request), .is_head = request.method == "HEAD"};
  if (channel_.is_open() && is_stale(channel_)) channel_.close();
  const bool was_open = channel_.is_open();
  auto response = co_await place(this->attempt(self, attempt));
  const bool may_be_stale = was_open && !attempt.something_came && !response &&
                            response.error().kind == ErrorKind::closed;
  if (may_be_stale && is_idempotent(request.method)) {
    response = co_await place(this->attempt(self, attempt));
  }
  co_return response;
}

Async<Result<Response>> Client::attempt(Process& self, Attempt& attempt) {
  const troupe::detail::CallerPlace place{self};
  auto connected = co_await place(connect(self));
  if (!connected) co_return std::unexpected{std::move(connected.error())};
  // Whatever goes wrong from here on leaves a connection nobody can use.
  net::Channel channel = std::move(channel_);
  channel_ = net::Channel{};
  net::Deadline deadline{options_.timeout};
  auto written = co_await place(channel.write(self, attempt.bytes, deadline.left(self)));
  if (!written) co_return std::unexpected{error_from(written.error())};
  const MessageParser::Limits limits{options_.max_header_bytes, options_.max_body_bytes};
  const auto kind =
      attempt.is_head ? MessageParser::Kind::response_to_head : MessageParser::Kind::response;
  auto parser = std::make_unique<MessageParser>(kind, limits);
  std::string buffer;
  for (;;) {
    buffer.erase(0, parser->feed(buffer));
    if (parser->state() == MessageParser::State::failed) {
      co_return std::unexpected{parser->error()};
    }
    if (parser->state() == MessageParser::State::complete) {
      if (parser->response().status >= 200) break;
      parser = std::make_unique<MessageParser>(kind, limits);  // "100 Continue" and the like
      continue;
    }
    auto count = read_some(channel, buffer);
    if (count && *count > 0) {
      attempt.something_came = true;
    } else if (count) {
      parser->end_of_stream();
    } else if (count.error().kind != net::ErrorKind::would_block) {
      co_return std::unexpected{error_from(count.error())};
    } else {
      const bool ready = co_await place(channel.readable(self, deadline.left(self)));
      if (!ready) co_return std::unexpected{Error{ErrorKind::timed_out, "no answer in time"}};
    }
  }
  // Bytes behind the answer belong to nothing that was asked.
  if (parser->keep_alive() && buffer.empty()) channel_ = std::move(channel);
  co_return std::move(parser->response());
}

Async<Result<Response>> Client::get(Process& self, std::string_view target) {
  Request request{.method = "GET", .target = std::string{target}};
  return send(self, std::move(request));
}

Async<Result<Response>> Client::post(Process& self, std::string_view target, std::string_view type,
                                     std::string_view body) {
  Request request{.method = "POST", .target = std::string{target}};
  request.fields.set("Content-Type", type);
  request.body = body;
  return send(self, std::move(request));
}

Async<Result<Response>> fetch(Process& self, std::string_view url, Request request,
                              ClientOptions options) {
  const troupe::detail::CallerPlace place{self};
  const std::string text{url};
  auto parsed = parse_url(text);
  if (!parsed) co_return std::unexpected{std::move(parsed.error())};
  request.target = parsed->target;
  request.fields.set("Connection", "close");
  Client client{text, std::move(options)};
  co_return co_await place(client.send(self, std::move(request)));
}

}  // namespace troupe::http
