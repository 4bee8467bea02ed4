// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "resp/login.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "resp/command_reply.hpp"
#include "resp/error_text.hpp"
#include "resp/letters.hpp"
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
  if (!access.may_use_keys(command, words)) return "NOPERM No permissions to access a key";
  if (!access.may_use_channels(command, words)) return "NOPERM No permissions to access a channel";
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

namespace {

void add_word(std::string& line, std::string_view word) {
  if (!word.empty()) line.append(" ").append(word);
}

// As a line of ACL LIST.
std::string line_of(std::string_view name, const AccessRules& access, bool has_password) {
  std::string line = "user " + std::string{name} + (access.is_on() ? " on" : " off");
  if (!has_password) line += " nopass";
  add_word(line, access.key_text());
  const std::string channels = access.channel_text();
  add_word(line, channels.empty() ? "resetchannels" : channels);
  add_word(line, access.command_text());
  return line;
}

void write_user(const AccessRules& access, bool has_password, ReplyWriter& reply) {
  reply.map(6);
  reply.bulk("flags");
  reply.set(has_password ? 1 : 2);
  reply.bulk(access.is_on() ? "on" : "off");
  if (!has_password) reply.bulk("nopass");
  reply.bulk("passwords");
  reply.array(0);
  reply.bulk("commands");
  reply.bulk(access.command_text());
  reply.bulk("keys");
  reply.bulk(access.key_text());
  reply.bulk("channels");
  reply.bulk(access.channel_text());
  reply.bulk("selectors");
  reply.array(0);
}

}  // namespace

// The default user's rules. It is on unless there are users and it has no password.
AccessRules Login::default_access() const {
  AccessRules access = AccessRules::everything();
  if (rules_->needs_login() && rules_->password.empty()) access.turn_off();
  return access;
}

void Login::answer_getuser(std::string_view name, ReplyWriter& reply) const {
  if (name == "default") return write_user(default_access(), rules_->needs_login(), reply);
  const User* user = rules_->find_user(name);
  if (user == nullptr) return reply.null();
  write_user(user->access, true, reply);
}

// In the order of the names, as Redis has it.
void Login::answer_list(ReplyWriter& reply) const {
  std::vector<std::string> lines{line_of("default", default_access(), rules_->needs_login())};
  for (const User& user : rules_->users) lines.push_back(line_of(user.name, user.access, true));
  std::ranges::sort(lines);
  reply.array(lines.size());
  for (const std::string& line : lines) reply.bulk(line);
}

void Login::answer_acl(const CommandSpec& command, std::span<const std::string_view> words,
                       ReplyWriter& reply) const {
  if (command.id == CommandId::acl_whoami) return reply.bulk(user_name());
  if (command.id == CommandId::acl_getuser) return answer_getuser(words[2], reply);
  if (command.id == CommandId::acl_list) return answer_list(reply);
  if (command.id == CommandId::acl_users) {
    std::vector<std::string_view> names{"default"};
    for (const User& user : rules_->users) names.push_back(user.name);
    std::ranges::sort(names);
    reply.array(names.size());
    for (std::string_view name : names) reply.bulk(name);
    return;
  }
  if (words.size() > 3) return reply.error(error_text::wrong_subcommand(words[1], "ACL"));
  std::vector<std::string_view> found;
  const std::string wanted = words.size() == 3 ? "@" + lower_case(words[2]) : std::string{};
  for (const CommandSpec& each : all_commands()) {
    if (each.id == CommandId::script_run) continue;
    for (const std::string_view category : acl_categories(each)) {
      const std::string_view name = wanted.empty() ? category.substr(1) : each.name;
      const bool fits = wanted.empty() || category == wanted;
      if (fits && std::ranges::find(found, name) == found.end()) found.push_back(name);
    }
  }
  if (!wanted.empty() && found.empty())
    return reply.error("ERR Unknown category '" + std::string(words[2].substr(0, 128)) + "'");
  reply.array(found.size());
  for (std::string_view name : found) reply.bulk(name);
}

}  // namespace greenroom
