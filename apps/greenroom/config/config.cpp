// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "config/config.hpp"

#include <troupe/tls.hpp>

#include "security/value_cipher.hpp"

namespace greenroom {

namespace {

void check_tls(const Config& config, std::vector<std::string>& problems) {
  const bool wanted = config.serve.tls_port >= 0 || config.http.with_tls;
  if (config.tls.certificate.empty() != config.tls.key.empty()) {
    problems.push_back("TLS needs both a certificate and a key");
  } else if (!config.tls.certificate.empty()) {
    const auto context = troupe::net::TlsContext::server(
        {config.tls.certificate, config.tls.key, config.tls.client_ca});
    if (!context) problems.push_back("TLS: " + context.error().text);
  } else if (wanted) {
    problems.push_back("a port with TLS needs [tls] certificate and key");
  }
}

}  // namespace

std::vector<std::string> problems_of(const Config& config) {
  std::vector<std::string> problems;
  check_tls(config, problems);
  if (!config.encryption_key_file.empty()) {
    const auto cipher = ValueCipher::from_file(config.encryption_key_file);
    if (!cipher) problems.push_back(cipher.error());
  }
  if (config.http.port > 0 && config.http.port == config.serve.port &&
      config.http.bind == config.serve.bind) {
    problems.push_back("HTTP and the Redis protocol cannot share port " +
                       std::to_string(config.serve.port));
  }
  if (config.http.with_tls && config.http.port < 0) {
    problems.push_back("[http] tls without [http] port");
  }
  return problems;
}

}  // namespace greenroom
