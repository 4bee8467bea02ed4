// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "net/http_connection.hpp"

#include <array>
#include <charconv>

#include <troupe/detail/caller_place.hpp>

#include "net/http_date.hpp"

namespace troupe::http::detail {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t read_bytes = 16 * 1024;
// What a refused client may still send before the connection is cut. Closing at once would make the
// kernel reset the connection, and the reset may overtake the answer that says why.
constexpr std::size_t linger_bytes = 1024 * 1024;
constexpr Duration linger_time = 2s;

std::string with_status(int status, std::string_view why) {
  return std::to_string(status) + " " + std::string{reason_phrase(status)} + ": " +
         std::string{why} + "\n";
}

}  // namespace

Async<> connection_body(Process& self, ConnectionStart start) {
  const std::shared_ptr<ConnectionShared> shared = std::move(start.shared);
  net::Channel channel;
  if (net::TlsContext tls = shared->server->tls()) {
    auto secured = co_await net::Channel::accept_tls(self, std::move(start.stream), std::move(tls),
                                                     shared->server->options.header_timeout);
    if (!secured) co_return;
    channel = std::move(*secured);
  } else {
    channel = net::Channel{std::move(start.stream)};
  }
  Connection connection{self, *shared, std::move(channel)};
  co_await connection.run();
}

Connection::Connection(Process& self, ConnectionShared& shared, net::Channel channel)
    : self_{self}, shared_{shared}, channel_{std::move(channel)} {}

std::string_view Connection::capture(std::string_view name) const noexcept {
  for (const auto& [key, value] : captures_) {
    if (key == name) return value;
  }
  return {};
}

Async<> Connection::run() {
  while (!closing_) {
    MessageParser parser{MessageParser::Kind::request,
                         {options().max_header_bytes, options().max_body_bytes}};
    if (shared_.server->router.table_->gate) parser.stop_behind_header();
    const bool is_there = co_await read_request(parser);
    if (!is_there) co_return;
    shared_.is_busy = true;
    if (shared_.server->is_draining) co_return;  // it may be ended at its next wait
    closing_ = ++requests_ >= options().max_requests || !parser.keep_alive();
    co_await serve(parser);
    shared_.is_busy = false;
    if (shared_.server->is_draining) closing_ = true;
  }
  // A client that has pipelined more than is answered is still sending.
  if (!buffer_.empty()) co_await linger();
}

// The buffer is on the stack, not in a frame: an idle connection holds none.
Connection::Got Connection::read_some() {
  std::array<char, read_bytes> piece;
  auto count = channel_.try_read(piece);
  if (!count) return count.error().kind == net::ErrorKind::would_block ? Got::later : Got::nothing;
  if (*count == 0) return Got::nothing;
  buffer_.append(piece.data(), *count);
  return Got::bytes;
}

// False: there is none; why has been answered, where there was somebody to answer to.
Async<bool> Connection::read_request(MessageParser& parser) {
  while (buffer_.empty()) {
    const Got got = read_some();
    if (got == Got::nothing) co_return false;
    if (got == Got::bytes) break;
    const bool ready = co_await channel_.readable(self_, options().idle_timeout);
    if (!ready) co_return false;
  }
  net::Deadline header{options().header_timeout};
  net::Deadline body{options().body_timeout};
  bool is_in_body = false;
  for (;;) {
    buffer_.erase(0, parser.feed(buffer_));
    if (parser.state() == MessageParser::State::failed) {
      co_await refuse(parser.status(), parser.error().text);
      co_return false;
    }
    if (parser.has_header() && !is_in_body) {
      is_in_body = true;
      const bool goes_on = co_await admit(parser);
      if (!goes_on) co_return false;
      const bool is_expected = parser.state() == MessageParser::State::incomplete;
      if (is_expected && parser.expects_continue() && buffer_.empty()) {
        const bool written = co_await write("HTTP/1.1 100 Continue\r\n\r\n");
        if (!written) co_return false;
      }
      if (parser.state() != MessageParser::State::complete) continue;
    }
    if (parser.state() == MessageParser::State::complete) co_return true;
    const Got got = read_some();
    if (got == Got::nothing) co_return false;
    if (got == Got::bytes) continue;
    const bool ready = co_await channel_.readable(self_, (is_in_body ? body : header).left(self_));
    if (!ready) {
      co_await refuse(408, "the request did not come in time");
      co_return false;
    }
  }
}

// The header is there. False: that was all of it, and the client has been told so.
Async<bool> Connection::admit(MessageParser& parser) {
  const std::shared_ptr<const Gate>& gate = shared_.server->router.table_->gate;
  refusal_.reset();
  if (!gate) co_return true;
  request_ = &parser.request();
  is_http_1_1_ = parser.is_http_1_1();
  captures_.clear();
  Exchange exchange{*this};
  Admission admission = gate->admit(self_, exchange);
  bool goes_on = true;
  if (!admission.refusal) {
    parser.limit_body(admission.max_body_bytes);
  } else if (parser.state() == MessageParser::State::complete) {
    refusal_ = std::move(admission.refusal);
  } else {
    goes_on = false;
    closing_ = true;
    co_await respond(std::move(*admission.refusal));
    co_await linger();
  }
  request_ = nullptr;
  co_return goes_on;
}

Async<> Connection::serve(MessageParser& parser) {
  const Request& request = parser.request();
  request_ = &request;
  is_http_1_1_ = parser.is_http_1_1();
  has_begun_ = false;
  if (refusal_) {
    co_await respond(std::move(*refusal_));
    request_ = nullptr;
    co_return;
  }
  auto found = shared_.server->router.table_->find(request.method, request.path());
  if (found.handler) {
    captures_ = std::move(found.captures);
    co_await call_handler(*found.handler);
  } else if (found.allowed.empty()) {
    co_await respond(Response::text(404, "404 Not Found\n"));
  } else {
    const bool is_question = request.method == "OPTIONS";
    Response response =
        is_question ? Response{.status = 204} : Response::text(405, "405 Method Not Allowed\n");
    response.fields.add("Allow", found.allowed);
    co_await respond(std::move(response));
  }
  request_ = nullptr;
}

Async<> Connection::call_handler(const Handler& handler) {
  Exchange exchange{*this};
  Response response;
  std::exception_ptr failure;
  try {
    response = co_await handler.handle(self_, exchange);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    // The client learns that it was not its fault; this process ends with the reason.
    closing_ = true;
    if (!has_begun_) {
      co_await respond(Response::text(500, "500 Internal Server Error\n"));
      co_await linger();
    }
    std::rethrow_exception(failure);
  }
  if (!has_begun_) {
    co_await respond(std::move(response));
  } else if (!is_chunked_) {
    closing_ = true;
  } else if (!is_head()) {  // whose answer has no body, and so no end of one
    const bool written = co_await write("0\r\n\r\n");
    if (!written) closing_ = true;
  }
}

void Connection::append_common_fields(std::string& out, const Response& response) {
  if (shared_.server->is_draining) closing_ = true;
  if (!response.fields.has("date")) {
    out += "Date: ";
    out += http_date(self_.system_time());
    out += "\r\n";
  }
  if (closing_) {
    out += "Connection: close\r\n";
  } else if (!is_http_1_1_) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

Async<> Connection::respond(Response response) {
  const bool has_no_body =
      response.status == 204 || response.status == 304 || response.status < 200;
  if (response.fields.has_token("connection", "close")) closing_ = true;
  response.fields.remove("connection");
  std::string out;
  append_head(out, response, has_no_body ? Framing::none : Framing::length);
  append_common_fields(out, response);
  if (!is_head() && !has_no_body) out += response.body;
  const bool written = co_await write(std::move(out));
  if (!written) closing_ = true;
}

Async<Result<void>> Connection::begin(Response head) {
  const troupe::detail::CallerPlace place{self_};
  if (has_begun_) throw ErrorException{tuple({atoms::badarg, Term::binary("begun twice")})};
  has_begun_ = true;
  is_chunked_ = is_http_1_1_;
  if (!is_chunked_) closing_ = true;  // the end of the connection is the end of the body
  std::string out;
  append_head(out, head, is_chunked_ ? Framing::chunked : Framing::none);
  append_common_fields(out, head);
  const bool written = co_await place(write(std::move(out)));
  if (!written) {
    closing_ = true;
    co_return std::unexpected{Error{ErrorKind::closed, "the client is gone"}};
  }
  co_return Result<void>{};
}

Async<Result<void>> Connection::write_piece(std::string_view bytes) {
  const troupe::detail::CallerPlace place{self_};
  if (is_head()) {
    co_return std::unexpected{Error{ErrorKind::closed, "the answer to HEAD has no body"}};
  }
  if (bytes.empty()) co_return Result<void>{};  // an empty chunk would be the end
  std::string out;
  if (is_chunked_) {
    char length[20];
    const auto end = std::to_chars(length, length + sizeof length, bytes.size(), 16).ptr;
    out.append(length, end);
    out += "\r\n";
  }
  out += bytes;
  if (is_chunked_) out += "\r\n";
  const bool written = co_await place(write(std::move(out)));
  if (written) co_return Result<void>{};
  closing_ = true;
  co_return std::unexpected{Error{ErrorKind::closed, "the client is gone"}};
}

Async<> Connection::refuse(int status, std::string_view why) {
  closing_ = true;
  co_await respond(Response::text(status, with_status(status, why)));
  co_await linger();
}

// Says that nothing more comes, and waits until the client has seen it.
Async<> Connection::linger() {
  channel_.shutdown_write();
  net::Deadline deadline{linger_time};
  for (std::size_t taken = 0; taken < linger_bytes;) {
    buffer_.clear();
    const Got got = read_some();
    if (got == Got::nothing) break;
    taken += buffer_.size();
    if (got == Got::bytes) continue;
    const bool ready = co_await channel_.readable(self_, deadline.left(self_));
    if (!ready) break;
  }
  channel_.close();
}

Async<bool> Connection::write(std::string bytes) {
  const troupe::detail::CallerPlace place{self_};
  auto written = co_await place(channel_.write(self_, bytes, options().write_timeout));
  co_return written.has_value();
}

}  // namespace troupe::http::detail
