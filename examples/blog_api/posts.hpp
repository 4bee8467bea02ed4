// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Posts with their comments, which the course asks for and its sketch lacks. Its callers choose the
// ids of posts, and may overwrite each other's; here the service gives them, and a post's comments
// go with it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <troupe/troupe.hpp>

using namespace troupe;

namespace blog_api {

struct Comment {
  std::string author, text;
};
struct Post {
  std::string id, author, content;
  long number = 0;  // later posts have higher ones
  std::vector<Comment> comments = {};
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
    if (const auto at = by_author_.find(m.author); at != by_author_.end()) {
      for (const std::string& id : at->second) found.push_back(posts_.at(id));
    }
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

inline auto posts() { return named<Posts>("posts"); }

}  // namespace blog_api
