// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#include "session/user_index.hpp"

#include <algorithm>
#include <utility>

namespace greenroom {

void UserIndex::Sessions::Many::add(std::string key, std::int64_t created_at_ms) {
  const auto place = by_age.emplace(created_at_ms, std::move(key));
  by_key.emplace(place->second, place);
}

void UserIndex::Sessions::add(std::string_view key, std::int64_t created_at_ms) {
  remove(key);
  if (!many_ && few_.size() < most_few) {
    const auto place = std::ranges::upper_bound(few_, created_at_ms, {}, &Entry::created_at_ms);
    few_.insert(place, Entry{std::string{key}, created_at_ms});
    return;
  }
  if (!many_) {
    many_ = std::make_unique<Many>();
    for (Entry& entry : few_) many_->add(std::move(entry.key), entry.created_at_ms);
    std::vector<Entry>{}.swap(few_);
  }
  many_->add(std::string{key}, created_at_ms);
}

void UserIndex::Sessions::remove(std::string_view key) {
  if (!many_) {
    std::erase_if(few_, [&](const Entry& entry) { return entry.key == key; });
    return;
  }
  const auto found = many_->by_key.find(key);
  if (found == many_->by_key.end()) return;
  const auto place = found->second;
  many_->by_key.erase(found);  // first: its key is a view of what goes now
  many_->by_age.erase(place);
  if (many_->by_age.size() > most_few / 2) return;
  few_ = all();
  many_.reset();
}

const std::string& UserIndex::Sessions::oldest_but(std::string_view key) const {
  if (!many_) return few_[few_[0].key == key ? 1 : 0].key;
  const auto oldest = many_->by_age.begin();
  return oldest->second == key ? std::next(oldest)->second : oldest->second;
}

std::vector<UserIndex::Entry> UserIndex::Sessions::all() const {
  if (!many_) return few_;
  std::vector<Entry> entries;
  entries.reserve(many_->by_age.size());
  for (const auto& [created_at_ms, key] : many_->by_age) {
    entries.push_back(Entry{key, created_at_ms});
  }
  return entries;
}

std::optional<std::string> UserIndex::bind(std::string_view user, std::string_view storage_key,
                                           std::int64_t created_at_ms, std::size_t cap) {
  const std::lock_guard guard{lock_};
  auto found = by_user_.find(user);
  if (found == by_user_.end()) found = by_user_.try_emplace(std::string{user}).first;
  Sessions& sessions = found->second;
  sessions.add(storage_key, created_at_ms);
  if (cap == 0 || sessions.size() <= cap) return std::nullopt;
  return sessions.oldest_but(storage_key);
}

void UserIndex::unbind(std::string_view user, std::string_view storage_key) {
  const std::lock_guard guard{lock_};
  const auto found = by_user_.find(user);
  if (found == by_user_.end()) return;
  found->second.remove(storage_key);
  if (found->second.size() == 0) by_user_.erase(found);
}

std::vector<UserIndex::Entry> UserIndex::sessions_of(std::string_view user) const {
  const std::lock_guard guard{lock_};
  const auto found = by_user_.find(user);
  return found == by_user_.end() ? std::vector<Entry>{} : found->second.all();
}

std::size_t UserIndex::users() const {
  const std::lock_guard guard{lock_};
  return by_user_.size();
}

}  // namespace greenroom
