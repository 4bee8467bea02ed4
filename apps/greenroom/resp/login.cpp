// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/login.hpp"

#include <chrono>
#include <utility>

#include "resp/secret.hpp"
#include "security/digest.hpp"

namespace greenroom {

using namespace std::chrono_literals;

Login::Login(std::shared_ptr<const ServerRules> rules, std::string address)
    : rules_{std::move(rules)},
      address_{address.substr(0, address.rfind(':'))},
      is_done_{!rules_->needs_login()} {}

void Login::reset() {
  is_done_ = !rules_->needs_login();
  user_ = nullptr;
}

void Login::tell(LoginAttempt::Outcome outcome, std::string_view user) const {
  if (!rules_->on_login) return;
  const bool is_known = user == "default" || rules_->find_user(user) != nullptr;
  rules_->on_login(LoginAttempt{outcome, is_known ? user : std::string_view{}, address_});
}

bool Login::is_right(std::string_view user, std::string_view password, const User*& found) const {
  if (user == "default") {
    return !rules_->needs_login() ||
           (!rules_->password.empty() && equal_in_constant_time(password, rules_->password));
  }
  // Of digests, and over all users, so that the time tells neither password nor name.
  const Digest given = sha256(password);
  for (const User& each : rules_->users) {
    const bool fits = equal_in_constant_time(view_of(given), each.password_sha256);
    if (fits && each.name == user && each.access.is_on()) found = &each;
  }
  return found != nullptr;
}

std::optional<std::string> Login::attempt(std::string_view user, std::string_view password) {
  // Of the machine, not of the calendar, which jumps.
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  if (rules_->backoff) {
    const auto wait = rules_->backoff->wait_of(address_, now);
    if (wait > 0s) {
      tell(LoginAttempt::Outcome::must_wait, user);
      return "WRONGPASS too many wrong passwords from this address; wait " +
             std::to_string(wait / 1ms) + " ms";
    }
  }
  const User* found = nullptr;
  if (!is_right(user, password, found)) {
    if (rules_->backoff) rules_->backoff->note_failure(address_, now);
    tell(LoginAttempt::Outcome::refused, user);
    return "WRONGPASS invalid username-password pair or user is disabled.";
  }
  if (rules_->backoff) rules_->backoff->note_success(address_);
  // Where nobody has to log in, saying so anyway is no news.
  if (rules_->needs_login()) tell(LoginAttempt::Outcome::accepted, user);
  is_done_ = true;
  user_ = found;
  return std::nullopt;
}

std::optional<std::string> Login::refusal_of(const CommandSpec& command,
                                             std::span<const std::string_view> words) const {
  if (!is_done_ && !command.has(flag_no_auth)) return "NOAUTH Authentication required.";
  if (auto refusal = refusal_to_run(command)) return refusal;
  if (user_ == nullptr) return std::nullopt;
  const AccessRules& access = user_->access;
  if (access.forbidden_key(command, words)) return "NOPERM No permissions to access a key";
  if (access.forbidden_channel(command, words)) return "NOPERM No permissions to access a channel";
  return std::nullopt;
}

std::optional<std::string> Login::refusal_to_run(const CommandSpec& command) const {
  if (user_ == nullptr || user_->access.may_run(command)) return std::nullopt;
  return "NOPERM User " + user_->name + " has no permissions to run the '" +
         std::string(command.name) + "' command";
}

bool Login::may_use_key(std::string_view key, KeyUse use) const {
  return user_ == nullptr || user_->access.may_use_key(key, use);
}

}  // namespace greenroom
