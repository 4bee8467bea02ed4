// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The blog's services: users and whom they follow, posts with comments, views, and feeds put
// together from them. Each owns its state. The course's follows users who do not exist and keeps
// the comments of deleted posts; these do not.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <troupe/cache.hpp>
#include <troupe/troupe.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace blog_api {

struct User {
  std::string id, name, email;
};
struct Comment {
  std::string author, text;
};
struct Post {
  std::string id, author, content;
  long number = 0;  // later posts have higher ones
  std::vector<Comment> comments = {};
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
    const auto& all = follows_[m.id];
    return {all.begin(), all.end()};
  }

 private:
  std::map<std::string, User> users_;
  std::map<std::string, std::set<std::string>> follows_;
};

struct Posts : GenServer<Posts> {
  struct Create {
    std::string author, content;
    using Reply = Post;
  };
  struct Get {
    std::string id;
    using Reply = std::optional<Post>;
  };
  struct ByAuthor {
    std::string author;
    using Reply = std::vector<Post>;
  };
  struct AddComment {
    std::string id;
    Comment comment;
    using Reply = bool;
  };
  struct Delete {
    std::string id;
  };
  Post handle_call(Create m) {
    const long number = ++last_;
    const std::string id = "p" + std::to_string(number);
    by_author_[m.author].push_back(id);
    return posts_[id] = Post{id, std::move(m.author), std::move(m.content), number};
  }
  std::optional<Post> handle_call(Get m) {
    const auto at = posts_.find(m.id);
    return at == posts_.end() ? std::optional<Post>{} : at->second;
  }
  std::vector<Post> handle_call(ByAuthor m) {
    std::vector<Post> found;
    for (const std::string& id : by_author_[m.author]) found.push_back(posts_.at(id));
    return found;
  }
  bool handle_call(AddComment m) {
    const auto at = posts_.find(m.id);
    if (at == posts_.end()) return false;
    at->second.comments.push_back(std::move(m.comment));
    return true;
  }
  void handle_cast(Delete m) {
    const auto at = posts_.find(m.id);
    if (at == posts_.end()) return;
    std::erase(by_author_[at->second.author], m.id);
    posts_.erase(at);
  }

 private:
  long last_ = 0;
  std::map<std::string, Post> posts_;
  std::map<std::string, std::vector<std::string>> by_author_;
};

// Told and never waited for: a view more or less stops nobody.
struct Analytics : GenServer<Analytics> {
  struct TrackView {
    std::string id;
  };
  struct GetViews {
    std::string id;
    using Reply = long;
  };
  void handle_cast(TrackView m) { ++views_[m.id]; }
  long handle_call(GetViews m) {
    const auto at = views_.find(m.id);
    return at == views_.end() ? 0 : at->second;
  }

 private:
  std::map<std::string, long> views_;
};

inline auto users() { return named<Users>("users"); }
inline auto posts() { return named<Posts>("posts"); }
inline auto analytics() { return named<Analytics>("analytics"); }

// The posts of those a user follows, latest first. A feed is asked for often and changes seldom, so
// it is kept for a second, and the least used feeds give way.
using Feed = std::vector<Post>;
using Feeds = Cache<std::string, Feed>;
inline auto feeds() { return named<Feeds>("feeds"); }

inline Async<Feed> gather_feed(Process& self, std::string user) {
  Feed feed;
  for (const std::string& author : co_await call(self, users(), Users::Following{user})) {
    for (Post& post : co_await call(self, posts(), Posts::ByAuthor{author})) {
      feed.push_back(std::move(post));
    }
  }
  std::ranges::sort(feed, std::greater{}, &Post::number);
  co_return feed;
}
inline Async<Feed> feed_of(Process& self, std::string user) {
  auto feed = co_await Feeds::get_or_compute(self, feeds(), std::move(user), gather_feed);
  co_return std::move(feed).value();
}

inline ChildSpec services() {
  return supervisor(
      "blog", children(child<Users>().named("users"), child<Posts>().named("posts"),
                       child<Analytics>().named("analytics"),
                       child<Feeds>(CacheOptions{.max_entries = 1'000, .ttl = 1s}).named("feeds")));
}

}  // namespace blog_api
