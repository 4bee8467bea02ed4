// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/message.hpp>

// HTTP/1.1 messages, for the server (http_server.hpp) and the client (http_client.hpp). Plain
// values: they can be sent to processes, kept, and compared in tests. A library of its own,
// troupe::http.
//
// Bodies are whole strings within a limit that the server or client was given. Answers without an
// end are streams: ResponseStream and EventStream (http_server.hpp, sse.hpp).
namespace troupe::http {

struct Field {
  std::string name;
  std::string value;
};

// Header fields in the order they came. Names do not tell upper from lower case. Linear search: a
// message has a dozen.
class Fields {
 public:
  Fields() = default;
  Fields(std::initializer_list<Field> fields) : fields_{fields} {}

  // The first of that name; nothing if there is none.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  bool has(std::string_view name) const noexcept { return find(name).has_value(); }
  // Whether a comma-separated list of that name has this token: has_token("connection", "close").
  bool has_token(std::string_view name, std::string_view token) const noexcept;

  // Puts it in the place of all of that name.
  void set(std::string_view name, std::string_view value);
  // One more, for fields that may come several times (Set-Cookie).
  void add(std::string_view name, std::string_view value);
  void remove(std::string_view name);

  auto begin() const noexcept { return fields_.begin(); }
  auto end() const noexcept { return fields_.end(); }
  std::size_t size() const noexcept { return fields_.size(); }

 private:
  std::vector<Field> fields_;
};

struct Request {
  std::string method = "GET";
  std::string target = "/";  // as it is on the wire: path, and "?query" where there is one
  Fields fields = {};
  std::string body = {};

  // The part of the target before '?', still percent-encoded.
  std::string_view path() const noexcept;
  // The first value of a parameter of the query, decoded ('+' is a space).
  std::optional<std::string> query(std::string_view name) const;
  // Likewise of a body in application/x-www-form-urlencoded.
  std::optional<std::string> form(std::string_view name) const;
  // The value of a cookie.
  std::optional<std::string_view> cookie(std::string_view name) const noexcept;
};

struct Response {
  int status = 200;
  Fields fields = {};
  std::string body = {};

  static Response text(int status, std::string_view body);  // text/plain in UTF-8
  static Response html(int status, std::string_view body);
  static Response json(int status, std::string_view body);  // the text of a JSON document
  static Response redirect(std::string_view location);      // 303: go there with GET
};

enum class ErrorKind : std::uint8_t {
  malformed,  // the peer's bytes are no HTTP/1.1, or contradict themselves
  too_large,  // more header or body than allowed
  timed_out,  // the peer, or the network, was slower than allowed
  closed,     // the connection ended in the middle of a message
  network,    // connecting, reading or writing failed; the text has the system's words
  tls,        // as net::ErrorKind::tls
  bad_url,    // no http:// or https:// URL, or no host of it is known
};

struct Error {
  ErrorKind kind = ErrorKind::network;
  std::string text;  // for people
};

template <class T>
using Result = std::expected<T, Error>;

// The standard's words for a status: "Not Found". Empty for numbers it does not know.
std::string_view reason_phrase(int status) noexcept;

// "%41+b" is "A b"; with `plus_is_space` off, "A+b". Nothing if a '%' is not followed by two
// hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
// Everything but letters, digits and -._~ as %XX: for one segment of a path, or one value of a
// query.
std::string percent_encode(std::string_view text);

// Text as it can stand in HTML, in attributes too.
std::string escape_html(std::string_view text);

// The parts of "https://host:8443/path?query".
struct Url {
  bool is_encrypted = false;  // https
  std::string host;           // of an IPv6 address: without the brackets
  std::uint16_t port = 0;
  std::string target;  // "/" at least
  // "host:port" as the Host field wants it: no port where it is the scheme's own.
  std::string authority() const;
};
Result<Url> parse_url(std::string_view text);

}  // namespace troupe::http

template <>
inline constexpr bool troupe::enable_message<troupe::http::Fields> = true;
