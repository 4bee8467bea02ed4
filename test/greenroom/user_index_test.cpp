// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The index of users, against one that looks through a list: also where a user's few sessions
// become many, and few again.
#include "session/user_index.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

namespace greenroom::test {
namespace {

struct Model {
  std::vector<UserIndex::Entry> sessions;

  void remove(const std::string& key) {
    std::erase_if(sessions, [&](const auto& entry) { return entry.key == key; });
  }
  std::optional<std::string> bind(const std::string& key, std::int64_t at, std::size_t cap) {
    remove(key);
    sessions.insert(std::ranges::upper_bound(sessions, at, {}, &UserIndex::Entry::created_at_ms),
                    UserIndex::Entry{key, at});
    if (cap == 0 || sessions.size() <= cap) return std::nullopt;
    return sessions[sessions[0].key == key ? 1 : 0].key;
  }
};

void expect_same(const UserIndex& index, const Model& model, int step) {
  const auto found = index.sessions_of("u");
  ASSERT_EQ(found.size(), model.sessions.size()) << step;
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].key, model.sessions[i].key) << step;
    ASSERT_EQ(found[i].created_at_ms, model.sessions[i].created_at_ms) << step;
  }
  ASSERT_EQ(index.users(), model.sessions.empty() ? 0u : 1u) << step;
}

TEST(UserIndex, has_what_a_list_would_have_however_many_a_user_has) {
  std::mt19937 random{7};
  UserIndex index;
  Model model;
  // Up to 300 sessions and down to none, three times, with ages that often are the same.
  for (int step = 0; step < 6'000; ++step) {
    const bool grows = step / 1'000 % 2 == 0;
    const std::string key = "sess:" + std::to_string(random() % 300) + "-and-more-of-it";
    if (random() % 10 < (grows ? 8U : 1U)) {
      const auto at = static_cast<std::int64_t>(random() % 40);
      const std::size_t cap = random() % 3 == 0 ? 1 + random() % 200 : 0;
      EXPECT_EQ(index.bind("u", key, at, cap), model.bind(key, at, cap)) << step;
    } else if (!model.sessions.empty() && !grows) {
      const std::string gone = model.sessions[random() % model.sessions.size()].key;
      index.unbind("u", gone);
      model.remove(gone);
    } else {
      index.unbind("u", key);
      model.remove(key);
    }
    expect_same(index, model, step);
    if (HasFatalFailure()) return;
  }
  index.unbind("nobody", "sess:1");
  index.bind("v", "sess:other", 1, 0);
  EXPECT_EQ(index.sessions_of("v").size(), 1u);
}

}  // namespace
}  // namespace greenroom::test
