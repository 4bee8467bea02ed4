// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <string>
#include <vector>

namespace greenroom {

// A user as the configuration has it; its rules are explained in resp/access.hpp.
struct UserConfig {
  std::string name;
  std::string password;         // as it is given; or
  std::string password_sha256;  // 64 hexadecimal digits, so that the file holds no password
  std::vector<std::string> rules;

  friend bool operator==(const UserConfig&, const UserConfig&) = default;
};

}  // namespace greenroom
