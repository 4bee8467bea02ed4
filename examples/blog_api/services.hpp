// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// The blog's tree: users, posts, views, and feeds put together from them. Each owns its state. The
// course gathers a feed in whoever asks, each time anew and in no order, and has its cache in the
// picture only; here feeds are kept for a second, latest post first, and the least used give way.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <troupe/cache.hpp>

#include "posts.hpp"
#include "users.hpp"

using namespace std::chrono_literals;

namespace blog_api {

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

inline auto analytics() { return named<Analytics>("analytics"); }

// The posts of those a user follows, latest first.
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
