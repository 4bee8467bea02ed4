// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
// The blog without its HTTP: its services as any process may use them. (drive.py has the rest.)
#include <gtest/gtest.h>

#include "blog_api/services.hpp"
#include "support/on_every_executor.hpp"

namespace {

using namespace blog_api;

Async<> open_blog(Process& self) {
  co_await Supervisor::start_link(self, children(services()));
  for (const User& user :
       {User{"u1", "Alice", "alice@example.com"}, User{"u2", "Bob", "bob@example.com"}}) {
    EXPECT_TRUE(co_await call(self, users(), Users::Create{user}));
  }
}

Async<std::vector<std::string>> feed(Process& self, std::string user) {
  std::vector<std::string> contents;
  for (const Post& post : co_await feed_of(self, std::move(user))) contents.push_back(post.content);
  co_return contents;
}
using Contents = std::vector<std::string>;

TEST(BlogApi, alices_feed_has_the_post_of_bob_whom_she_follows) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await open_blog(self);
    const auto alice = co_await call(self, users(), Users::Get{"u1"});
    EXPECT_EQ(alice.value().name, "Alice");
    EXPECT_EQ(alice.value().email, "alice@example.com");
    EXPECT_TRUE(co_await call(self, users(), Users::Follow{"u1", "u2"}));
    EXPECT_EQ(co_await call(self, users(), Users::Following{"u1"}), Contents{"u2"});
    const Post post = co_await call(self, posts(), Posts::Create{"u2", "Hello from Bob!"});
    EXPECT_EQ(post.id, "p1");
    EXPECT_EQ(post.author, "u2");
    cast(analytics(), Analytics::TrackView{"p1"});
    EXPECT_EQ(co_await call(self, analytics(), Analytics::GetViews{"p1"}), 1);
    EXPECT_EQ(co_await feed(self, "u1"), Contents{"Hello from Bob!"});
    EXPECT_EQ(co_await feed(self, "u2"), Contents{});
  });
}

TEST(BlogApi, what_does_not_exist_is_neither_followed_nor_commented) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await open_blog(self);
    EXPECT_FALSE(co_await call(self, users(), Users::Create{{"u2", "Eve", "eve@example.com"}}));
    EXPECT_EQ((co_await call(self, users(), Users::Get{"u2"})).value().name, "Bob");
    EXPECT_FALSE(co_await call(self, users(), Users::Follow{"u1", "nobody"}));
    EXPECT_FALSE(co_await call(self, posts(), Posts::AddComment{"p9", {"u1", "Hi"}}));
    EXPECT_EQ(co_await call(self, analytics(), Analytics::GetViews{"p9"}), 0);
  });
}

TEST(BlogApi, a_deleted_post_is_gone_with_its_comments) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await open_blog(self);
    const Post post = co_await call(self, posts(), Posts::Create{"u2", "Hello from Bob!"});
    EXPECT_TRUE(co_await call(self, posts(), Posts::AddComment{post.id, {"u1", "Hi Bob"}}));
    EXPECT_EQ((co_await call(self, posts(), Posts::Get{post.id})).value().comments.size(), 1u);
    cast(posts(), Posts::Delete{post.id});
    EXPECT_FALSE(co_await call(self, posts(), Posts::Get{post.id}));
    EXPECT_TRUE((co_await call(self, posts(), Posts::ByAuthor{"u2"})).empty());
  });
}

TEST(BlogApi, a_feed_is_kept_for_a_second_and_has_the_latest_post_first) {
  test::on_every_seed([](Process& self) -> Async<> {
    co_await open_blog(self);
    co_await call(self, users(), Users::Follow{"u1", "u2"});
    co_await call(self, posts(), Posts::Create{"u2", "first"});
    EXPECT_EQ(co_await feed(self, "u1"), Contents{"first"});
    co_await call(self, posts(), Posts::Create{"u2", "second"});
    EXPECT_EQ(co_await feed(self, "u1"), Contents{"first"});
    co_await self.sleep(2s);
    const Contents both = co_await feed(self, "u1");
    EXPECT_EQ(both, (Contents{"second", "first"}));
  });
}

TEST(BlogApi, the_crash_of_analytics_loses_views_and_no_posts) {
  test::on_every_executor([](Process& self) -> Async<> {
    co_await open_blog(self);
    co_await call(self, posts(), Posts::Create{"u2", "Hello from Bob!"});
    cast(analytics(), Analytics::TrackView{"p1"});
    const Pid before = whereis("analytics");
    exit(before, atoms::kill);
    for (Pid now = before; !now || now == before; now = whereis("analytics")) co_await self.yield();
    EXPECT_EQ(co_await call(self, analytics(), Analytics::GetViews{"p1"}), 0);
    EXPECT_EQ((co_await call(self, posts(), Posts::ByAuthor{"u2"})).size(), 1u);
  });
}

}  // namespace
