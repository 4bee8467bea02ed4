// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include <troupe/http.hpp>

namespace troupe::http {

// Takes one HTTP/1.1 message apart, from pieces of any size and without I/O. The grammar is
// Boost.Beast's; what is stricter here, because servers behind proxies have been fooled by it:
//
// - Transfer-Encoding is "chunked" or an error, and never together with HTTP/1.0;
// - an HTTP/1.1 request has exactly one Host;
// - fields after a chunked body are dropped, so that none can be smuggled in late;
// - whatever cannot be used up counts against a limit, so that the caller's buffer cannot grow.
class MessageParser {
 public:
  enum class Kind : std::uint8_t { request, response, response_to_head, event_stream };
  enum class State : std::uint8_t { incomplete, complete, failed };
  struct Limits {
    std::size_t header_bytes;
    std::size_t body_bytes;  // none for an event_stream
  };

  MessageParser(Kind kind, Limits limits);
  ~MessageParser();

  // Takes what belongs to the message from the front of `bytes` and returns how much that was. What
  // is left is to be given again, with more behind it; or it belongs to the next message.
  std::size_t feed(std::string_view bytes);
  // Before the first feed(): the one that completes the header takes nothing of the body, so that
  // the header can be looked at first.
  void stop_behind_header() noexcept { stops_behind_header_ = true; }
  // When the header of a request is there: its body may have so many bytes and no more, beside what
  // Limits say. A body that is announced as larger fails at once.
  void limit_body(std::size_t bytes);
  // The connection has ended, which is how some answers end.
  void end_of_stream();

  State state() const noexcept { return state_; }
  // The start line and all fields are there: request() or response() may be looked at.
  bool has_header() const noexcept { return has_header_; }
  // The client waits for "100 Continue" before it sends the body.
  bool expects_continue() const noexcept { return expects_continue_; }
  // Whether the connection may be used for another message after this one.
  bool keep_alive() const noexcept { return keep_alive_; }
  bool is_http_1_1() const noexcept { return is_http_1_1_; }

  // Of the kind it was made for. The body is there when the state is complete.
  Request& request() noexcept { return request_; }
  Response& response() noexcept { return response_; }
  // What has come of the body since the last call; for event_stream.
  std::string take_body();

  // When failed: why, and the status a server answers with.
  const Error& error() const noexcept { return error_; }
  int status() const noexcept { return status_; }

 private:
  struct Grammar;
  template <bool IsRequest>
  struct GrammarOf;

  void fail(ErrorKind kind, int status, std::string text);
  void header_is_there();
  bool header_is_acceptable();

  std::unique_ptr<Grammar> grammar_;
  Limits limits_;
  Kind kind_;
  State state_ = State::incomplete;
  bool stops_behind_header_ = false;
  bool has_begun_ = false;
  bool has_header_ = false;
  bool expects_continue_ = false;
  bool keep_alive_ = false;
  bool is_http_1_1_ = true;
  Request request_;
  Response response_;
  Error error_;
  int status_ = 400;
};

// The bytes of a message. Throws ErrorException{badarg} if the method, the target or a field has
// bytes that would end it early: user data that was not checked.
std::string to_wire(const Request& request);
// With `length` the body's length is announced; without, it is left to the fields given.
enum class Framing : std::uint8_t { length, chunked, none };
void append_head(std::string& out, const Response& response, Framing framing);

}  // namespace troupe::http
