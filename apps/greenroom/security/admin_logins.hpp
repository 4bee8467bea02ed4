// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <troupe/duration.hpp>

namespace greenroom {

// Who is logged in to the admin page. The browser has a random token in a cookie; what belongs to
// it stays here, in memory, so that a restart logs everybody out and a logout is final.
//
// `csrf` is the second secret, which only our own pages carry: a form of another site comes with
// the cookie but without it. `found` are the keys the last search showed: pages name them by
// number, because a key, which is a session id, must not stand in a page.
class AdminLogins {
 public:
  static constexpr troupe::Duration idle_limit = std::chrono::minutes{30};
  static constexpr std::size_t max_logins = 1'000;

  struct Login {
    std::string csrf;
    std::vector<std::string> found;
  };

  // The token of a new login.
  std::string add(troupe::Duration now);
  // What belongs to the token, if it is one and has been used within the limit.
  std::optional<Login> find(std::string_view token, troupe::Duration now);
  void set_found(std::string_view token, std::vector<std::string> keys);
  void remove(std::string_view token);

 private:
  struct Entry {
    Login login;
    troupe::Duration used;
  };
  std::mutex lock_;
  std::map<std::string, Entry, std::less<>> logins_;  // by the token's SHA-256
};

}  // namespace greenroom
