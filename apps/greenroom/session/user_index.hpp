// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace greenroom {

// Which sessions a user has, told by the sessions' processes as they come and go: so it holds
// exactly what lives. It is not stored; a restart fills it while the sessions start.
//
// Nearly every user has a few sessions, and a server a million of such users: a few stand in a row.
// Some have thousands (a robot, an account that everybody shares), and each of its logins looked
// through all of them, in 65 microseconds at ten thousand, while everybody else's waited: many are
// kept as a tree by age, and found by key.
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
  // The oldest first; of the same age, who came first.
  std::vector<Entry> sessions_of(std::string_view user) const;
  std::size_t users() const;

 private:
  class Sessions {
   public:
    void add(std::string_view key, std::int64_t created_at_ms);
    void remove(std::string_view key);
    std::size_t size() const { return many_ ? many_->by_age.size() : few_.size(); }
    // That is not this one; there are two at least.
    const std::string& oldest_but(std::string_view key) const;
    std::vector<Entry> all() const;

   private:
    // From here on they are many, and stay so until they are half as many.
    static constexpr std::size_t most_few = 64;
    struct Many {
      using ByAge = std::multimap<std::int64_t, std::string>;
      ByAge by_age;  // of the same age, who came first
      std::unordered_map<std::string_view, ByAge::iterator> by_key;
      void add(std::string key, std::int64_t created_at_ms);
    };

    std::vector<Entry> few_;  // the oldest first
    std::unique_ptr<Many> many_;
  };

  mutable std::mutex lock_;
  std::map<std::string, Sessions, std::less<>> by_user_;
};

}  // namespace greenroom
