// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "http/admin_access.hpp"

#include <openssl/evp.h>

#include "resp/secret.hpp"
#include "security/digest.hpp"

namespace greenroom {

using namespace troupe;
using namespace std::chrono_literals;

namespace {

// What a stranger may send: the form with the password.
constexpr std::size_t max_stranger_body_bytes = 4 * 1024;
// What who is logged in to the page sends: a pattern to search for.
constexpr std::size_t max_form_bytes = 256 * 1024;

// Nothing if it is no base64.
std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > 4'096) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(size) - std::min<std::size_t>(padding, out.size()));
  return out;
}

// The password of an Authorization field.
std::optional<std::string> password_in(std::string_view field) {
  if (field.starts_with("Bearer ")) return std::string{field.substr(7)};
  if (!field.starts_with("Basic ")) return std::nullopt;
  const auto decoded = base64_decode(field.substr(6));
  if (!decoded || !decoded->starts_with("admin:")) return std::nullopt;
  return decoded->substr(6);
}

}  // namespace

PasswordCheck check_admin_password(Process& self, Operation& operation, std::string_view password,
                                   std::string_view address) {
  const Duration now = self.monotonic_time();
  const Duration wait = operation.backoff.wait_of(address, now);
  if (wait > Duration::zero()) return {false, wait};
  const std::string secret = operation.config().http.admin_password;
  // Digests, so that not even the length shows.
  const Digest given = sha256(password);
  const Digest wanted = sha256(secret);
  if (!secret.empty() && equal_in_constant_time(view_of(given), view_of(wanted))) {
    operation.backoff.note_success(address);
    return {true, {}};
  }
  operation.backoff.note_failure(address, now);
  operation.audit.write({.act = "login refused", .who = "admin", .from = address});
  return {};
}

http::Response too_many_attempts(Duration wait) {
  http::Response response = http::Response::text(429, "too many wrong passwords; wait\n");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait);
  response.fields.add("Retry-After", std::to_string(seconds.count()));
  return response;
}

std::optional<http::Response> refuse_api(Process& self, Operation& operation,
                                         const http::Exchange& exchange) {
  const auto field = exchange.request().fields.find("authorization");
  const auto password = field ? password_in(*field) : std::nullopt;
  if (password) {
    const PasswordCheck check =
        check_admin_password(self, operation, *password, exchange.peer().host);
    if (check.is_right) return std::nullopt;
    if (check.wait > Duration::zero()) return too_many_attempts(check.wait);
  }
  http::Response response = http::Response::json(401, R"({"error":"unauthorized"})");
  response.fields.add("WWW-Authenticate", "Basic realm=\"Greenroom\", charset=\"UTF-8\"");
  return response;
}

http::Admission admit(Process& self, Operation& operation, const http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  // Without a password there is neither page nor API.
  if (operation.config().http.admin_password.empty())
    return {.max_body_bytes = max_stranger_body_bytes};
  if (request.path().starts_with("/v1/")) return {refuse_api(self, operation, exchange)};
  const auto token = request.cookie(admin_cookie);
  const bool is_known = token && operation.logins.find(*token, self.monotonic_time());
  return {.max_body_bytes = is_known ? max_form_bytes : max_stranger_body_bytes};
}

}  // namespace greenroom
