// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Users and whom they follow. The course's lets one follow people who do not exist, and who is
// created under an id that is taken replaces the other; these do not.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace blog_api {

struct User {
  std::string id, name, email;
};
struct Users : GenServer<Users> {
  struct Create {
    User user;
    using Reply = bool;  // false: the id is taken
  };
  struct Get {
    std::string id;
    using Reply = std::optional<User>;
  };
  struct Follow {
    std::string follower, followee;
    using Reply = bool;  // false: one of them does not exist
  };
  struct Following {
    std::string id;
    using Reply = std::vector<std::string>;
  };
  bool handle_call(Create m) { return users_.try_emplace(m.user.id, m.user).second; }
  std::optional<User> handle_call(Get m) {
    const auto at = users_.find(m.id);
    return at == users_.end() ? std::optional<User>{} : at->second;
  }
  bool handle_call(Follow m) {
    if (!users_.contains(m.follower) || !users_.contains(m.followee)) return false;
    follows_[m.follower].insert(m.followee);
    return true;
  }
  std::vector<std::string> handle_call(Following m) {
    const auto at = follows_.find(m.id);  // who is asked for need not exist
    if (at == follows_.end()) return {};
    return {at->second.begin(), at->second.end()};
  }

 private:
  std::map<std::string, User> users_;
  std::map<std::string, std::set<std::string>> follows_;
};

inline auto users() { return named<Users>("users"); }

}  // namespace blog_api
