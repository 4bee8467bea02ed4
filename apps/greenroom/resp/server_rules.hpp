// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resp/access.hpp"
#include "resp/known_scripts.hpp"
#include "security/login_backoff.hpp"

namespace greenroom {

// Somebody has given a password, or was not even looked at.
struct LoginAttempt {
  enum class Outcome : std::uint8_t { accepted, refused, must_wait };
  Outcome outcome;
  std::string_view user;     // empty: no user of that name; what was typed may be a password
  std::string_view address;  // without the port
};

// What all connections of a server have in common; fixed while it runs.
struct ServerRules {
  std::string password;                   // Of the user "default", who may do everything.
  std::vector<User> users;                // The others.
  std::shared_ptr<LoginBackoff> backoff;  // Null: wrong passwords cost nothing.
  // Told of each attempt, from any thread; may be empty.
  std::function<void(const LoginAttempt&)> on_login;
  std::string server_name = "redis";  // HELLO's "server": clients compare it.
  std::string redis_version = "7.2.5";
  std::uint8_t databases = 16;
  std::size_t max_queued_bytes = 256u << 20;  // What MULTI may gather; a request's limit.
  // With the database in front, what a session that sleeps can hold, and a storage engine too.
  std::size_t max_key_bytes = 65'534;
  std::shared_ptr<ScriptCache> scripts = std::make_shared<ScriptCache>();

  // Whether somebody has to say who they are. With users and without a password of its own the
  // default user is nobody.
  bool needs_login() const { return !password.empty() || !users.empty(); }
  // Null: there is none, or it is the default user.
  const User* find_user(std::string_view name) const {
    for (const User& user : users)
      if (user.name == name) return &user;
    return nullptr;
  }
};

}  // namespace greenroom
