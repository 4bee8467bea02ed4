// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace greenroom {

// Which sessions a user has, told by the sessions' processes as they come and go: so it holds
// exactly what lives. It is not stored; a restart fills it while the sessions start.
class UserIndex {
 public:
  struct Entry {
    std::string key;  // As stored.
    std::int64_t created_at_ms;
  };

  // Adds a session, or moves it. With a cap: the user's oldest other session, if there are more
  // now than that; the caller revokes it.
  std::optional<std::string> bind(std::string_view user, std::string_view storage_key,
                                  std::int64_t created_at_ms, std::size_t cap);
  void unbind(std::string_view user, std::string_view storage_key);
  // The oldest first.
  std::vector<Entry> sessions_of(std::string_view user) const;
  std::size_t users() const;

 private:
  mutable std::mutex lock_;
  std::map<std::string, std::vector<Entry>, std::less<>> by_user_;
};

}  // namespace greenroom
