// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "host/address.hpp"

#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <net/if.h>
#include <netinet/in.h>

namespace troupe {
namespace {

// The number behind '%' in fe80::1%eth0 or fe80::1%2; 0 when there is no such interface.
std::uint32_t scope_number(const std::string& scope) {
  std::uint32_t number = 0;
  const char* end = scope.data() + scope.size();
  const auto parsed = std::from_chars(scope.data(), end, number);
  if (parsed.ec == std::errc{} && parsed.ptr == end) return number;
  return ::if_nametoindex(scope.c_str());
}

std::string scope_name(std::uint32_t number) {
  char name[IF_NAMESIZE];
  if (::if_indextoname(number, name) != nullptr) return name;
  return std::to_string(number);
}

}  // namespace

std::expected<SocketAddress, IoError> to_socket_address(const Endpoint& endpoint) {
  const std::unexpected<IoError> refused{IoError{IoErrorKind::bad_address}};
  // The C calls below would stop at a zero byte and take what is in front of it for the whole.
  if (endpoint.host.find('\0') != std::string::npos) return refused;
  const std::string host = endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host;

  SocketAddress result;
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&result.storage, &v4, sizeof v4);
    result.length = sizeof v4;
    return result;
  }

  sockaddr_in6 v6{};
  const std::size_t percent = host.find('%');
  if (::inet_pton(AF_INET6, host.substr(0, percent).c_str(), &v6.sin6_addr) != 1) return refused;
  if (percent != std::string::npos) {
    v6.sin6_scope_id = scope_number(host.substr(percent + 1));
    if (v6.sin6_scope_id == 0) return refused;
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  std::memcpy(&result.storage, &v6, sizeof v6);
  result.length = sizeof v6;
  return result;
}

Endpoint to_endpoint(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.family() == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address.storage, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return {text, ntohs(v4.sin_port)};
  }
  if (address.family() == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address.storage, sizeof v6);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
      return {text, ntohs(v6.sin6_port)};
    }
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    std::string host{text};
    if (v6.sin6_scope_id != 0) host += "%" + scope_name(v6.sin6_scope_id);
    return {std::move(host), ntohs(v6.sin6_port)};
  }
  return {};
}

std::string to_string(const Endpoint& endpoint) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  std::string text = v6 ? "[" + endpoint.host + "]" : endpoint.host;
  return text + ":" + std::to_string(endpoint.port);
}

}  // namespace troupe
