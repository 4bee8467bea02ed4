// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <troupe/tls.hpp>

namespace greenroom {

// "redis://[user[:password]@]host[:port][/database]", as redis-cli -u takes it; parts may be
// percent-encoded. rediss:// is the same with TLS.
struct RedisUrl {
  std::string user;
  std::string password;
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  unsigned database = 0;
  bool is_encrypted = false;
  // Of rediss://. Not in the text: flags say it.
  troupe::net::TlsClientOptions tls;

  // For people: without the password.
  std::string text() const;
};

std::expected<RedisUrl, std::string> parse_redis_url(std::string_view text);

}  // namespace greenroom
