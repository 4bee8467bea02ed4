// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "config/config.hpp"

#include <set>

#include <troupe/tls.hpp>

#include "resp/access.hpp"
#include "security/certificate.hpp"
#include "security/value_cipher.hpp"

namespace greenroom {

namespace {

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

void check_users(const Config& config, std::vector<std::string>& problems) {
  std::set<std::string> names{"default"};
  for (const UserConfig& user : config.users) {
    const std::string who = "user \"" + user.name + "\": ";
    if (user.name.empty()) problems.push_back("a [[user]] has no name");
    if (user.name == "default") {
      problems.push_back(who + "its password is [security] password, and it may do everything");
    } else if (!names.insert(user.name).second) {
      problems.push_back(who + "is there twice");
    }
    if (user.password.empty() == user.password_sha256.empty()) {
      problems.push_back(who + "needs either password or password_sha256");
    }
    if (!user.password_sha256.empty() &&
        (user.password_sha256.size() != 64 || !is_hexadecimal(user.password_sha256))) {
      problems.push_back(who + "password_sha256 is 64 hexadecimal digits");
    }
    if (const auto rules = AccessRules::parse(user.rules); !rules) {
      problems.push_back(who + rules.error());
    }
  }
}

void check_tls(const Config& config, std::vector<std::string>& problems) {
  const bool wanted = config.serve.tls_port >= 0 || config.http.with_tls;
  if (config.tls.certificate.empty() != config.tls.key.empty()) {
    problems.push_back("TLS needs both a certificate and a key");
  } else if (!config.tls.certificate.empty()) {
    const auto context = troupe::net::TlsContext::server(
        {config.tls.certificate, config.tls.key, config.tls.client_ca});
    if (!context) problems.push_back("TLS: " + context.error().text);
    // Every client would refuse it: better that the operator hears of it first.
    const std::string problem = problem_of_certificate(config.tls.certificate);
    if (!problem.empty()) problems.push_back("TLS: " + problem);
  } else if (wanted) {
    problems.push_back("a port with TLS needs [tls] certificate and key");
  }
}

}  // namespace

std::vector<std::string> problems_of(const Config& config) {
  std::vector<std::string> problems;
  check_users(config, problems);
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
  const std::int32_t tls_port = config.serve.tls_port;
  if (tls_port > 0 && tls_port == config.serve.port) {
    problems.push_back("the Redis protocol has the same port with TLS and without, " +
                       std::to_string(tls_port));
  }
  if (tls_port > 0 && tls_port == config.http.port && config.http.bind == config.serve.bind) {
    problems.push_back("HTTP and the Redis protocol with TLS cannot share port " +
                       std::to_string(tls_port));
  }
  if (config.http.with_tls && config.http.port < 0) {
    problems.push_back("[http] tls without [http] port");
  }
  return problems;
}

}  // namespace greenroom
