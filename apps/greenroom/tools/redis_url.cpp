// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "tools/redis_url.hpp"

#include <charconv>

#include <troupe/http.hpp>

namespace greenroom {

namespace {

template <class Number>
bool read_number(std::string_view text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string RedisUrl::text() const {
  return std::string{is_encrypted ? "rediss://" : "redis://"} + host + ":" + std::to_string(port) +
         "/" + std::to_string(database);
}

std::expected<RedisUrl, std::string> parse_redis_url(std::string_view text) {
  const auto bad = [&](const char* why) {
    return std::unexpected(std::string{why} + "; it is redis://[user:password@]host[:port][/db]");
  };
  RedisUrl url;
  std::string_view rest = text;
  if (rest.starts_with("rediss://")) {
    url.is_encrypted = true;
    rest.remove_prefix(9);
  } else if (rest.starts_with("redis://")) {
    rest.remove_prefix(8);
  } else {
    return bad("no redis:// URL");
  }
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const std::size_t colon = login.find(':');
    const auto user = troupe::http::percent_decode(login.substr(0, colon));
    const auto password = troupe::http::percent_decode(
        colon == std::string_view::npos ? std::string_view{} : login.substr(colon + 1));
    if (!user || !password) return bad("a % is not followed by two digits");
    url.user = *user;
    url.password = *password;
  }
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    const std::string_view database = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
    if (!database.empty() && (!read_number(database, url.database) || url.database > 10'000)) {
      return bad("the database is no number");
    }
  }
  if (const std::size_t colon = rest.rfind(':');
      colon != std::string_view::npos && !rest.ends_with(']')) {
    if (!read_number(rest.substr(colon + 1), url.port) || url.port == 0) {
      return bad("the port is no port");
    }
    rest = rest.substr(0, colon);
  }
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  if (!rest.empty()) url.host = rest;
  return url;
}

}  // namespace greenroom
