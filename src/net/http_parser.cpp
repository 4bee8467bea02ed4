// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "net/http_parser.hpp"

// Beast asserts that the line of the last chunk has grown by two bytes whenever it is asked about
// it again. A peer may send them one at a time, which is no error, and Beast's answer is right
// then.
#define BOOST_DISABLE_ASSERTS
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <limits>

#include "net/http_text.hpp"

namespace troupe::http {

namespace beast = boost::beast::http;

namespace {

std::string_view view_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

// What is waited for in one piece beside the header: the line before a chunk, the trailer.
constexpr std::size_t max_waiting_bytes = 64 * 1024;

// Of a header field as a whole, for the tables of browsers' and our own servers' makers.
struct Explanation {
  ErrorKind kind;
  int status;
  const char* text;
};

Explanation explain(beast::error error) {
  switch (error) {
    case beast::error::header_limit:
      return {ErrorKind::too_large, 431, "the header is larger than allowed"};
    case beast::error::body_limit:
      return {ErrorKind::too_large, 413, "the body is larger than allowed"};
    case beast::error::partial_message:
    case beast::error::end_of_stream:
      return {ErrorKind::closed, 400, "the connection ended in the middle of a message"};
    case beast::error::bad_version:
      return {ErrorKind::malformed, 400, "the first line is none of HTTP/1.0 or HTTP/1.1"};
    case beast::error::bad_method:
      return {ErrorKind::malformed, 400, "the method is malformed"};
    case beast::error::bad_target:
      return {ErrorKind::malformed, 400, "the target is malformed"};
    case beast::error::bad_field:
    case beast::error::bad_value:
    case beast::error::bad_obs_fold:
      return {ErrorKind::malformed, 400, "a header field is malformed"};
    case beast::error::bad_line_ending:
      return {ErrorKind::malformed, 400, "a line does not end with CR LF"};
    case beast::error::bad_content_length:
      return {ErrorKind::malformed, 400, "Content-Length is no number, or contradicts the rest"};
    case beast::error::bad_transfer_encoding:
      return {ErrorKind::malformed, 400, "Transfer-Encoding contradicts the rest"};
    case beast::error::bad_chunk:
    case beast::error::bad_chunk_extension:
      return {ErrorKind::malformed, 400, "a chunk is malformed"};
    case beast::error::bad_status:
    case beast::error::bad_reason:
      return {ErrorKind::malformed, 400, "the status line is malformed"};
    default:
      return {ErrorKind::malformed, 400, "no HTTP"};
  }
}

}  // namespace

// Beast's parser of requests or of responses, which are different types.
struct MessageParser::Grammar {
  virtual ~Grammar() = default;
  virtual std::size_t put(std::string_view bytes, boost::beast::error_code& error) = 0;
  virtual void go_on_with_body() = 0;
  // False: more is announced.
  virtual bool limit_body(std::uint64_t bytes) = 0;
  virtual void put_eof(boost::beast::error_code& error) = 0;
  virtual bool is_header_done() const = 0;
  virtual bool is_done() const = 0;
  virtual bool keep_alive() const = 0;
  virtual unsigned version() const = 0;
  virtual void copy_header(MessageParser& to) const = 0;
  virtual std::string& body() = 0;
};

template <bool IsRequest>
struct MessageParser::GrammarOf final : Grammar {
  GrammarOf(Kind kind, Limits limits) {
    parser.eager(false);  // stops behind the header, so that it can be looked at alone
    parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    if (kind == Kind::event_stream) {
      // Beast 1.74 takes no limit at all for a limit of nothing.
      parser.body_limit(std::numeric_limits<std::uint64_t>::max() / 2);
    } else {
      parser.body_limit(limits.body_bytes);
    }
    if constexpr (!IsRequest) parser.skip(kind == Kind::response_to_head);
  }
  std::size_t put(std::string_view bytes, boost::beast::error_code& error) override {
    return parser.put(boost::asio::const_buffer{bytes.data(), bytes.size()}, error);
  }
  void go_on_with_body() override { parser.eager(true); }
  bool limit_body(std::uint64_t bytes) override {
    parser.body_limit(bytes);  // of chunks; the length has been compared with the former limit
    const auto length = parser.content_length();
    return !length || *length <= bytes;
  }
  void put_eof(boost::beast::error_code& error) override { parser.put_eof(error); }
  bool is_header_done() const override { return parser.is_header_done(); }
  bool is_done() const override { return parser.is_done(); }
  bool keep_alive() const override { return parser.keep_alive(); }
  unsigned version() const override { return parser.get().version(); }
  void copy_header(MessageParser& to) const override {
    const auto& message = parser.get();
    Fields* fields = nullptr;
    if constexpr (IsRequest) {
      to.request_.method = view_of(message.method_string());
      to.request_.target = view_of(message.target());
      fields = &to.request_.fields;
    } else {
      to.response_.status = static_cast<int>(message.result_int());
      fields = &to.response_.fields;
    }
    for (const auto& field : message) {
      fields->add(view_of(field.name_string()), view_of(field.value()));
    }
  }
  std::string& body() override { return parser.get().body(); }

  beast::parser<IsRequest, beast::string_body> parser;
};

MessageParser::MessageParser(Kind kind, Limits limits) : limits_{limits}, kind_{kind} {
  if (kind == Kind::request) {
    grammar_ = std::make_unique<GrammarOf<true>>(kind, limits);
  } else {
    grammar_ = std::make_unique<GrammarOf<false>>(kind, limits);
  }
}
MessageParser::~MessageParser() = default;

void MessageParser::fail(ErrorKind kind, int status, std::string text) {
  state_ = State::failed;
  status_ = status;
  error_ = Error{kind, std::move(text)};
}

std::size_t MessageParser::feed(std::string_view bytes) {
  std::size_t used = 0;
  // Some clients send an empty line after a body; RFC 9112, 2.2.
  if (!has_begun_ && kind_ == Kind::request) {
    while (bytes.substr(used).starts_with("\r\n")) used += 2;
    if (bytes.substr(used) == "\r") return used;
  }
  while (state_ == State::incomplete && used < bytes.size()) {
    has_begun_ = true;
    boost::beast::error_code error;
    const std::size_t count = grammar_->put(bytes.substr(used), error);
    used += count;
    const bool is_new_header = !has_header_ && grammar_->is_header_done();
    if (is_new_header) header_is_there();
    if (state_ == State::failed) return used;
    if (grammar_->is_done()) {
      state_ = State::complete;
      (kind_ == Kind::request ? request_.body : response_.body) = std::move(grammar_->body());
      return used;
    }
    if (is_new_header && stops_behind_header_) return used;
    if (error == beast::error::need_more || (!error && count == 0 && !has_header_)) {
      if (count != 0) continue;
      const std::size_t limit = (has_header_ ? 0 : limits_.header_bytes) + max_waiting_bytes;
      if (bytes.size() - used > limit) {
        fail(ErrorKind::too_large, 431, "a line is longer than allowed");
      }
      return used;
    }
    if (error) {
      const Explanation why = explain(static_cast<beast::error>(error.value()));
      fail(why.kind, why.status, why.text);
    }
  }
  return used;
}

void MessageParser::limit_body(std::size_t bytes) {
  if (state_ != State::incomplete || bytes >= limits_.body_bytes) return;
  if (grammar_->limit_body(bytes)) return;
  const Explanation why = explain(beast::error::body_limit);
  fail(why.kind, why.status, why.text);
}

void MessageParser::end_of_stream() {
  if (state_ != State::incomplete) return;
  // Only a message that ends with its connection may end here; Beast must not be asked about one
  // that has not begun.
  boost::beast::error_code error;
  if (has_header_) grammar_->put_eof(error);
  if (has_header_ && !error && grammar_->is_done()) {
    state_ = State::complete;
    response_.body += grammar_->body();
    return;
  }
  fail(ErrorKind::closed, 400, "the connection ended in the middle of a message");
}

void MessageParser::header_is_there() {
  has_header_ = true;
  keep_alive_ = grammar_->keep_alive();
  is_http_1_1_ = grammar_->version() == 11;
  grammar_->copy_header(*this);
  const Fields& fields = kind_ == Kind::request ? request_.fields : response_.fields;
  expects_continue_ = kind_ == Kind::request && fields.has_token("expect", "100-continue");
  if (header_is_acceptable()) grammar_->go_on_with_body();
}

bool MessageParser::header_is_acceptable() {
  const Fields& fields = kind_ == Kind::request ? request_.fields : response_.fields;
  std::size_t hosts = 0;
  for (const Field& field : fields) {
    if (equal_ignoring_case(field.name, "transfer-encoding")) {
      if (!equal_ignoring_case(field.value, "chunked")) {
        fail(ErrorKind::malformed, 501, "a transfer coding other than chunked");
        return false;
      }
      if (!is_http_1_1_) {
        fail(ErrorKind::malformed, 400, "chunks in HTTP/1.0");
        return false;
      }
    }
    if (equal_ignoring_case(field.name, "host")) ++hosts;
  }
  if (kind_ == Kind::request && (hosts > 1 || (hosts == 0 && is_http_1_1_))) {
    fail(ErrorKind::malformed, 400, "a request has one Host field");
    return false;
  }
  return true;
}

std::string MessageParser::take_body() {
  // At the end what was left has been moved to the response.
  std::string& body = state_ == State::complete ? response_.body : grammar_->body();
  return std::exchange(body, std::string{});
}

}  // namespace troupe::http
