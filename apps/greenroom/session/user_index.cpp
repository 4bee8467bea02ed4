// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/user_index.hpp"

#include <algorithm>

namespace greenroom {

std::optional<std::string> UserIndex::bind(std::string_view user, std::string_view storage_key,
                                           std::int64_t created_at_ms, std::size_t cap) {
  const std::lock_guard guard{lock_};
  auto found = by_user_.find(user);
  if (found == by_user_.end())
    found = by_user_.emplace(std::string{user}, std::vector<Entry>{}).first;
  std::vector<Entry>& sessions = found->second;
  std::erase_if(sessions, [&](const Entry& entry) { return entry.key == storage_key; });
  const auto place = std::ranges::upper_bound(sessions, created_at_ms, {}, &Entry::created_at_ms);
  sessions.insert(place, Entry{std::string{storage_key}, created_at_ms});
  if (cap == 0 || sessions.size() <= cap) return std::nullopt;
  const Entry& oldest = sessions[0].key == storage_key ? sessions[1] : sessions[0];
  return oldest.key;
}

void UserIndex::unbind(std::string_view user, std::string_view storage_key) {
  const std::lock_guard guard{lock_};
  const auto found = by_user_.find(user);
  if (found == by_user_.end()) return;
  std::erase_if(found->second, [&](const Entry& entry) { return entry.key == storage_key; });
  if (found->second.empty()) by_user_.erase(found);
}

std::vector<UserIndex::Entry> UserIndex::sessions_of(std::string_view user) const {
  const std::lock_guard guard{lock_};
  const auto found = by_user_.find(user);
  return found == by_user_.end() ? std::vector<Entry>{} : found->second;
}

std::size_t UserIndex::users() const {
  const std::lock_guard guard{lock_};
  return by_user_.size();
}

}  // namespace greenroom
