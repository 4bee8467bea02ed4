// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Messages as values and as bytes. They are written here rather than by Beast's serializer, because
// writing is a dozen lines, and because of the one check that matters: no line break of a user's
// data may end a field.
#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <charconv>

#include <troupe/exit_reason.hpp>
#include <troupe/http.hpp>

#include "net/http_parser.hpp"
#include "net/http_text.hpp"

namespace troupe::http {

namespace {

int hexadecimal(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  c = to_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// RFC 9110, 5.6.2.
bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  });
}

bool has_control(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

void require(bool holds, std::string_view what) {
  if (!holds) throw ErrorException{tuple({atoms::badarg, Term::binary(what)})};
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  require(is_token(name), "an HTTP field's name is not a token");
  require(!has_control(value), "an HTTP field's value has a control character");
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

void append_number(std::string& out, std::size_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

// Fields that say where the message ends are ours to write.
bool is_framing(std::string_view name) noexcept {
  return equal_ignoring_case(name, "content-length") ||
         equal_ignoring_case(name, "transfer-encoding");
}

std::optional<std::string> parameter_of(std::string_view rest, std::string_view name) {
  while (!rest.empty()) {
    std::string_view value = take_until(rest, '&');
    const std::string_view key = take_until(value, '=');
    if (percent_decode(key, true) == name) return percent_decode(value, true);
  }
  return std::nullopt;
}

}  // namespace

// --- Fields.

std::optional<std::string_view> Fields::find(std::string_view name) const noexcept {
  for (const Field& field : fields_) {
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

bool Fields::has_token(std::string_view name, std::string_view token) const noexcept {
  for (const Field& field : fields_) {
    if (!equal_ignoring_case(field.name, name)) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      if (equal_ignoring_case(trim(take_until(rest, ',')), token)) return true;
    }
  }
  return false;
}

void Fields::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

void Fields::add(std::string_view name, std::string_view value) {
  fields_.push_back(Field{std::string{name}, std::string{value}});
}

void Fields::remove(std::string_view name) {
  std::erase_if(fields_, [&](const Field& field) { return equal_ignoring_case(field.name, name); });
}

// --- Request and Response.

std::string_view Request::path() const noexcept {
  std::string_view rest = target;
  return take_until(rest, '?');
}

std::optional<std::string> Request::query(std::string_view name) const {
  std::string_view rest = target;
  (void)take_until(rest, '?');
  return parameter_of(rest, name);
}

std::optional<std::string> Request::form(std::string_view name) const {
  std::string_view type = fields.find("content-type").value_or("");
  if (!equal_ignoring_case(trim(take_until(type, ';')), "application/x-www-form-urlencoded")) {
    return std::nullopt;
  }
  return parameter_of(body, name);
}

std::optional<std::string_view> Request::cookie(std::string_view name) const noexcept {
  for (const Field& field : fields) {
    if (!equal_ignoring_case(field.name, "cookie")) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      std::string_view value = take_until(rest, ';');
      if (trim(take_until(value, '=')) == name) return trim(value);
    }
  }
  return std::nullopt;
}

namespace {

Response with_type(int status, std::string_view type, std::string_view body) {
  Response response;
  response.status = status;
  response.fields.add("Content-Type", type);
  response.body = body;
  return response;
}

}  // namespace

Response Response::text(int status, std::string_view body) {
  return with_type(status, "text/plain; charset=utf-8", body);
}
Response Response::html(int status, std::string_view body) {
  return with_type(status, "text/html; charset=utf-8", body);
}
Response Response::json(int status, std::string_view body) {
  return with_type(status, "application/json", body);
}
Response Response::redirect(std::string_view location) {
  Response response = text(303, "See other\n");
  response.fields.add("Location", location);
  return response;
}

std::string_view reason_phrase(int status) noexcept {
  const auto known = boost::beast::http::int_to_status(static_cast<unsigned>(status));
  if (known == boost::beast::http::status::unknown) return {};
  const auto text = boost::beast::http::obsolete_reason(known);
  return {text.data(), text.size()};
}

// --- Text.

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hexadecimal(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hexadecimal(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
                            c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte / 16];
    out += digits[byte % 16];
  }
  return out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Url::authority() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  std::string text = is_ipv6 ? "[" + host + "]" : host;
  if (port != (is_encrypted ? 443 : 80)) text += ":" + std::to_string(port);
  return text;
}

Result<Url> parse_url(std::string_view text) {
  const auto bad = [&](const char* why) {
    return std::unexpected{Error{ErrorKind::bad_url, std::string{why} + ": " + std::string{text}}};
  };
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.is_encrypted = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return bad("no http:// or https:// URL");
  }
  if (has_control(rest) || rest.find(' ') != std::string_view::npos) {
    return bad("a URL has no spaces or control characters");
  }
  const std::size_t end = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  rest = rest.substr(0, rest.find('#'));
  url.target = rest.starts_with('/') ? std::string{rest} : "/" + std::string{rest};
  if (authority.find('@') != std::string_view::npos) return bad("a URL must not hold a password");
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return bad("no ']' in the URL's host");
    url.host = authority.substr(1, close - 1);
    // RFC 3986, 3.2.2; an address of a version to come would be nobody's here.
    if (!url.host.contains(':') ||
        url.host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string::npos) {
      return bad("no IPv6 address between the brackets of the URL's host");
    }
    port = authority.substr(close + 1);
    if (!port.empty() && port.front() != ':') return bad("the URL's host is malformed");
  } else {
    const std::size_t colon = authority.find(':');
    url.host = authority.substr(0, colon);
    if (url.host.find_first_of("[]") != std::string::npos) {
      return bad("the URL's host is malformed");
    }
    port = colon == std::string_view::npos ? std::string_view{} : authority.substr(colon);
  }
  if (url.host.empty()) return bad("no host in the URL");
  url.port = url.is_encrypted ? 443 : 80;
  if (port.size() > 1) {
    port.remove_prefix(1);
    const auto [last, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc{} || last != port.data() + port.size() || url.port == 0) {
      return bad("the URL's port is no port");
    }
  }
  return url;
}

// --- Bytes.

std::string to_wire(const Request& request) {
  require(is_token(request.method), "an HTTP method is not a token");
  require(!request.target.empty() && !has_control(request.target) &&
              request.target.find(' ') == std::string::npos,
          "an HTTP target has a space or a control character");
  std::string out = request.method + " " + request.target + " HTTP/1.1\r\n";
  for (const Field& field : request.fields) {
    if (!is_framing(field.name)) append_field(out, field.name, field.value);
  }
  const bool has_body = !request.body.empty() || request.method == "POST" ||
                        request.method == "PUT" || request.method == "PATCH";
  if (has_body) {
    out += "Content-Length: ";
    append_number(out, request.body.size());
    out += "\r\n";
  }
  out += "\r\n";
  out += request.body;
  return out;
}

void append_head(std::string& out, const Response& response, Framing framing) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(std::clamp(response.status, 100, 999)));
  out += ' ';
  out += reason_phrase(response.status);
  out += "\r\n";
  for (const Field& field : response.fields) {
    if (!is_framing(field.name)) append_field(out, field.name, field.value);
  }
  if (framing == Framing::length) {
    out += "Content-Length: ";
    append_number(out, response.body.size());
    out += "\r\n";
  } else if (framing == Framing::chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  }
}

}  // namespace troupe::http
