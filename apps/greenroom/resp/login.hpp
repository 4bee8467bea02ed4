// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "resp/command_table.hpp"
#include "resp/server_rules.hpp"

namespace greenroom {

// Who a connection is, and therefore what it may do. Until it has authenticated, where the rules
// have a password or users, it is nobody; where they have none it is the default user, who may do
// everything.
class Login {
 public:
  Login(std::shared_ptr<const ServerRules> rules, std::string address);

  bool is_done() const { return is_done_; }
  std::string_view user_name() const { return user_ ? std::string_view{user_->name} : "default"; }

  // Nothing: the password was right, and the connection is this user from now on. Otherwise the
  // error for the client, and the connection stays what it was. Wrong passwords are counted against
  // the address; one that has to wait is not looked at.
  std::optional<std::string> attempt(std::string_view user, std::string_view password);
  // Back to how it began.
  void reset();

  // The error for a request that may not be served, in Redis' order and words. The request is one
  // that the command accepts.
  std::optional<std::string> refusal_of(const CommandSpec& command,
                                        std::span<const std::string_view> words) const;
  // The error for a command that the user may not run, whatever its keys.
  std::optional<std::string> refusal_to_run(const CommandSpec& command) const;
  // For commands that find their keys by themselves.
  bool may_use_key(std::string_view key, KeyUse use) const;

 private:
  bool is_right(std::string_view user, std::string_view password, const User*& found) const;
  void tell(LoginAttempt::Outcome outcome, std::string_view user) const;

  std::shared_ptr<const ServerRules> rules_;
  std::string address_;
  bool is_done_;
  const User* user_ = nullptr;  // one of the rules'; null: the default user
};

}  // namespace greenroom
