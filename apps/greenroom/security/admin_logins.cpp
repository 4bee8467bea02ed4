// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "security/admin_logins.hpp"

#include <algorithm>

#include "security/digest.hpp"

namespace greenroom {

using troupe::Duration;

namespace {

// Tokens are looked up by their digest, so that the time of a look-up tells nothing about them.
std::string digest_of(std::string_view token) { return std::string{view_of(sha256(token))}; }

}  // namespace

std::string AdminLogins::add(Duration now) {
  const std::string token = random_hexadecimal(64);
  const std::lock_guard guard{lock_};
  std::erase_if(logins_, [&](const auto& each) { return now - each.second.used > idle_limit; });
  if (logins_.size() >= max_logins) {
    logins_.erase(std::min_element(
        logins_.begin(), logins_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  }
  logins_.emplace(digest_of(token), Entry{Login{random_hexadecimal(32), {}}, now});
  return token;
}

std::optional<AdminLogins::Login> AdminLogins::find(std::string_view token, Duration now) {
  const std::lock_guard guard{lock_};
  const auto found = logins_.find(digest_of(token));
  if (found == logins_.end()) return std::nullopt;
  if (now - found->second.used > idle_limit) {
    logins_.erase(found);
    return std::nullopt;
  }
  found->second.used = now;
  return found->second.login;
}

void AdminLogins::set_found(std::string_view token, std::vector<std::string> keys) {
  const std::lock_guard guard{lock_};
  const auto found = logins_.find(digest_of(token));
  if (found != logins_.end()) found->second.login.found = std::move(keys);
}

void AdminLogins::remove(std::string_view token) {
  const std::lock_guard guard{lock_};
  const auto found = logins_.find(digest_of(token));
  if (found != logins_.end()) logins_.erase(found);
}

}  // namespace greenroom
